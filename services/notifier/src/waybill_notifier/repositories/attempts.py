"""The attempts of deliveries, at most one of each open."""

import sqlalchemy as sa
from waybill_common.database import COMMIT_LAZILY
from waybill_common.jobs import LeaseLostError

from waybill_notifier.domain.delivery import Attempt, AttemptEnd
from waybill_notifier.domain.states import Phase
from waybill_notifier.models.tables import delivery_attempt as attempt

_LONGEST_TEXT = 500
_NUMBER = (
    sa.select(sa.func.coalesce(sa.func.max(attempt.c.number), 0) + 1)
    .where(attempt.c.delivery_id == sa.bindparam("delivery"))
    .scalar_subquery()
)
_BEGIN = (
    attempt.insert()
    .values(delivery_id=sa.bindparam("delivery"), number=_NUMBER, phase=Phase.CLAIMED)
    .returning(attempt.c.number)
)
_OPEN = sa.select(attempt.c.number, attempt.c.phase).where(
    attempt.c.delivery_id == sa.bindparam("delivery"), attempt.c.finished_at.is_(None)
)

_ADVANCE = sa.text(
    "UPDATE delivery_attempt SET phase = :phase, phase_at = clock_timestamp() "
    "WHERE delivery_id = :delivery AND number = :number AND finished_at IS NULL AND phase <> 'data_sent' "
    "RETURNING number"
)
_ADVANCE_LAZILY = sa.text(f"{_ADVANCE.text}, {COMMIT_LAZILY}")
# What was closed as `unknown` is corrected when its end is learned after all.
_FINISH = sa.text(
    """
    UPDATE delivery_attempt SET finished_at = clock_timestamp(), outcome = :outcome, stage = :stage,
        smtp_code = :code, smtp_enhanced = :enhanced, smtp_text = :text,
        phase = CASE :outcome WHEN 'sent' THEN 'done' ELSE phase END,
        phase_at = CASE :outcome WHEN 'sent' THEN clock_timestamp() ELSE phase_at END
    WHERE delivery_id = :delivery AND number = :number AND (finished_at IS NULL OR outcome = 'unknown')
    """
)


class AttemptRepository:
    """Attempts of one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def open_of(self, delivery_id: str) -> Attempt | None:
        """The attempt that has not ended."""
        row = self._connection.execute(_OPEN, {"delivery": delivery_id}).one_or_none()
        return None if row is None else Attempt(row.number, Phase(row.phase))

    def begin(self, delivery_id: str) -> int:
        """Open the next attempt; the unique index refuses a second open one."""
        return int(self._connection.execute(_BEGIN, {"delivery": delivery_id}).scalar_one())

    def advance(self, delivery_id: str, number: int, phase: Phase) -> None:
        """Note how far the attempt came; before `data_sent` the commit does not wait for the disk.

        Raises LeaseLostError when the attempt is gone, undone by a crash of the database, was closed by another worker,
        or has sent its data: after such a crash another worker's attempt may have the same number.
        """
        statement = _ADVANCE if phase is Phase.DATA_SENT else _ADVANCE_LAZILY
        values = {"delivery": delivery_id, "number": number, "phase": phase}
        if self._connection.execute(statement, values).first() is None:
            raise LeaseLostError(f"attempt {number} of {delivery_id} is not open")

    def finish(self, delivery_id: str, number: int, end: AttemptEnd) -> None:
        """Close an open attempt, or correct one that was closed as `unknown`."""
        reply = end.reply
        values = {
            "delivery": delivery_id,
            "number": number,
            "outcome": end.outcome,
            "stage": end.stage,
            "code": None if reply is None else reply.code,
            "enhanced": None if reply is None else reply.enhanced,
            "text": None if reply is None else _storable(reply.text),
        }
        self._connection.execute(_FINISH, values)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd")[:_LONGEST_TEXT]
