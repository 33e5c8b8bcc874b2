"""Make the table of service clients equal to the operator's declaration."""

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.clients import read_clients
from waybill_auth.use_cases.ports import UnitOfWorkFactory


def reconcile_clients(declaration: str, unit_of_work: UnitOfWorkFactory) -> tuple[str, ...]:
    """Return the ids of the clients that exist now; those not declared any more are gone.

    An empty declaration means that nothing was declared, and changes nothing. Raises ClientsFileError before anything
    is written.
    """
    if not declaration.strip():
        return ()
    clients = read_clients(declaration)
    ids = tuple(sorted(client.id for client in clients))
    with unit_of_work() as work:
        work.clients.replace_all(clients)
        work.audit(AuditEntry("clients.reconciled", actor="operator", reason=",".join(ids)[:512]))
    return ids
