"""How settings are read: which environment variable belongs to which field, and what is said when one is wrong."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from waybill_common.settings.service import ServiceSettings, variable_name

S = TypeVar("S", bound=ServiceSettings)


class SettingsError(Exception):
    """One or more settings are missing or wrong; `faults` has a line for each, with its name and what it should be."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(["cannot start, these settings need a look:", *(f"  {fault}" for fault in faults)]))
        self.faults = faults


def load_settings(settings: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read the settings of a service; raises SettingsError with all faults at once.

    A field `pool` of the service `web` is `WAYBILL_WEB_POOL`; a shared one is `WAYBILL_POOL`. Either name with `_FILE`
    behind it names a file that holds the value, as Kubernetes mounts secrets.
    """
    source = os.environ if environ is None else environ  # noqa: TID251 - the one place that reads the environment
    values: dict[str, str] = {}
    faults: list[str] = []
    for field in settings.model_fields:
        name = variable_name(settings, field)
        try:
            value = _read(source, name)
        except (OSError, ValueError) as error:
            faults.append(f"{name}: {error}")
            continue
        if value is not None:
            values[field] = value
    try:
        loaded = settings.model_validate(values)
    except ValidationError as error:
        faults.extend(_explain(settings, error))
        loaded = None
    if faults or loaded is None:
        raise SettingsError(faults)
    return loaded


def _read(source: Mapping[str, str], name: str) -> str | None:
    direct, file = source.get(name), source.get(f"{name}_FILE")
    if direct is not None and file is not None:
        raise ValueError(f"set it or {name}_FILE, not both")
    if file is not None:
        return Path(file).read_text(encoding="utf-8").strip()
    return direct if direct != "" else None


def _explain(settings: type[BaseModel], error: ValidationError) -> list[str]:
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        field = str(fault["loc"][0]) if fault["loc"] else ""
        description = settings.model_fields[field].description if field in settings.model_fields else None
        reason = "is missing" if fault["type"] == "missing" else fault["msg"]
        name = variable_name(settings, field) if field else settings.__name__
        faults.append(f"{name}: {reason}{f' ({description})' if description else ''}")
    return faults
