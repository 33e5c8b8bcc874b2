"""Roles are named sets of scopes, resolved when a token is issued."""

from collections.abc import Iterable

from waybill_auth.domain.errors import UnknownRoleError

CUSTOMER = "customer"
STAFF = "staff"
ADMIN = "admin"

_STAFF_SCOPES = frozenset(
    {
        "catalog:write",
        "stock:write",
        "orders:read:all",
        "orders:write:all",
        "orders:ship",
        "orders:refund",
        "payments:write",
        "deliveries:read",
        "deliveries:write",
        "dead-letters:write",
    }
)
_SCOPES: dict[str, frozenset[str]] = {
    CUSTOMER: frozenset(),  # one's own orders and profile need none
    STAFF: _STAFF_SCOPES,
    ADMIN: _STAFF_SCOPES | {"users:admin", "audit:read"},
}


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """Return the union of the roles' scopes; a role that no longer exists grants nothing."""
    return frozenset().union(*(_SCOPES.get(role, frozenset()) for role in roles))


def check_role(role: str) -> str:
    """Return the role; raises UnknownRoleError with the ones that exist."""
    if role not in _SCOPES:
        raise UnknownRoleError(f"there is no role {role!r}; choose one of {', '.join(_SCOPES)}")
    return role
