"""The catalogue of mail texts: one TOML file a language, with fallback and without gaps."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

FALLBACK = "en"
LANGUAGES = ("en", "ko")


class MissingTextError(LookupError):
    """A template asks for a text that the language does not have."""


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of one of LANGUAGES: "section.key" → text with `{placeholders}`."""
    source = files("waybill_notifier").joinpath(f"templates/words/{language}.toml").read_text("utf-8")
    return MappingProxyType(
        {f"{section}.{key}": text for section, texts in tomllib.loads(source).items() for key, text in texts.items()}
    )


def language_for(locale: str | None) -> str:
    """The language to render for a locale: `ko-KR` → `ko`, `de-AT` → `de` → `en`."""
    if locale is None:
        return FALLBACK
    candidates = [locale.replace("_", "-").lower()]
    candidates.append(candidates[0].partition("-")[0])
    return next((candidate for candidate in candidates if candidate in LANGUAGES), FALLBACK)


def text_of(language: str, key: str) -> str:
    """The text of `key`; raises MissingTextError."""
    try:
        return catalogue(language)[key]
    except KeyError:
        raise MissingTextError(f"{language}.toml has no text {key!r}.") from None
