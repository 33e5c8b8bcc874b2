"""`If-Match`: which versions a client is willing to change."""

from dataclasses import dataclass

from flask import request

from waybill_common.problems import Problem


@dataclass(frozen=True)
class IfMatch:
    """The versions of an `If-Match` header; `any_version` for `*` (RFC 9110 section 13.1.1)."""

    any_version: bool
    versions: frozenset[int]

    def accepts(self, version: int) -> bool:
        """Tell whether the current version is one of these."""
        return self.any_version or version in self.versions


def require_if_match() -> IfMatch:
    """Read `If-Match`; raises Problem 428 when it is missing (RFC 6585 section 3).

    Weak validators never match, and a tag that is no version of ours matches nothing: both end in 412 later.
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise Problem(428, "if_match_required", "Send If-Match with the ETag you last saw, so that no change is lost.")
    if header.strip() == "*":
        return IfMatch(any_version=True, versions=frozenset())
    tags = request.if_match.as_set(include_weak=False)
    return IfMatch(any_version=False, versions=frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdecimal()))
