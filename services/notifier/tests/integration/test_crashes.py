"""A worker that dies at each phase: one mail before `data_sent`, at most two with one Message-ID after it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from notifier_support.notifier import Notifier
from waybill_common.jobs import LeaseLostError
from waybill_notifier.domain.states import Phase
from waybill_notifier.repositories.attempts import AttemptRepository
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def idle(database_url, auth, catcher):
    with Notifier(database_url, auth, catcher, works=False) as notifier:
        yield notifier


def die(notifier, phase, when="after", **changes):
    """Run a worker that dies there, and wait for its death."""
    settings = {name: value for name, value in notifier.settings.model_dump(mode="json").items() if value is not None}
    for name in ("database_url", "client_secret", "secret_key", "smtp_url", "amqp_url"):
        settings[name] = getattr(notifier.settings, name).get_secret_value()
    command = [sys.executable, "-m", "notifier_support.dying_worker", json.dumps(settings | changes), phase, when]
    done = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (9, -9), done.stderr


@pytest.mark.parametrize(
    ("phase", "when"),
    [
        ("claimed", "after"),
        ("connected", "before"),
        ("connected", "after"),
        ("envelope", "before"),
        ("envelope", "after"),
        ("data_sent", "before"),
    ],
)
def test_before_data_sent_a_death_costs_nothing(idle, catcher, phase, when):
    delivery_id = idle.order_event("ann@example.test")
    die(idle, phase, when)
    assert idle.delivery(delivery_id)["state"] == "sending"
    idle.start()
    row = idle.until(delivery_id, "sent")
    assert len(catcher.messages) == 1
    assert [attempt["outcome"] for attempt in idle.attempts(delivery_id)] == ["interrupted", "sent"]
    assert (row["ambiguities"], row["attempts"]) == (0, 2)


def test_after_data_sent_it_is_uncertain_and_retried_once_with_the_same_id(idle, catcher):
    delivery_id = idle.order_event("ann@example.test")
    die(idle, "data_sent")  # between the commit and the final dot: the server never got the mail
    assert catcher.messages == []
    idle.start()
    row = idle.until(delivery_id, "sent")
    assert idle.states(delivery_id) == ["sending", "uncertain", "queued", "sending", "sent"]
    assert [attempt["outcome"] for attempt in idle.attempts(delivery_id)] == ["unknown", "sent"]
    assert row["ambiguities"] == 1
    assert [mail.message_id for mail in catcher.messages] == [row["message_id"]]


def test_nobody_takes_an_attempt_back_from_data_sent(idle, database_url):
    """A run from before a crash of the database may hold the number of another one's attempt (ADR 0016)."""
    delivery_id = idle.order_event("ann@example.test")
    die(idle, "data_sent")
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg2://", 1))
    for phase in (Phase.CONNECTED, Phase.ENVELOPE, Phase.DATA_SENT):
        with pytest.raises(LeaseLostError), engine.begin() as connection:
            AttemptRepository(connection).advance(delivery_id, 1, phase)
    engine.dispose()
    assert [attempt["phase"] for attempt in idle.attempts(delivery_id)] == ["data_sent"]


def test_the_chaos_hook_stands_right_behind_the_commit_of_data_sent(idle, catcher, tmp_path):
    flag = tmp_path / "die"
    flag.touch()
    delivery_id = idle.order_event("ann@example.test")
    settings = idle.settings
    environ = {
        "WAYBILL_NOTIFIER_DATABASE_URL": settings.database_url.get_secret_value(),
        "WAYBILL_NOTIFIER_SECRET_KEY": settings.secret_key.get_secret_value(),
        "WAYBILL_NOTIFIER_CLIENT_ID": "svc_notifier",
        "WAYBILL_NOTIFIER_CLIENT_SECRET": "secret",
        "WAYBILL_AUTH_URL": settings.auth_url,
        "WAYBILL_SMTP_URL": settings.smtp_url.get_secret_value(),
        "WAYBILL_FAULT_HOOKS": f"worker.after_data_sent=kill@{flag}",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-m", "waybill_notifier", "work"], env=environ, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -9
    assert idle.attempts(delivery_id)[0]["phase"] == "data_sent"
    assert catcher.messages == []


def test_after_the_answer_a_death_may_double_the_mail_but_never_its_id(idle, catcher):
    delivery_id = idle.order_event("ann@example.test")
    die(idle, "done")  # the server took the mail, and nobody wrote it down
    assert len(catcher.messages) == 1
    idle.start()
    row = idle.until(delivery_id, "sent")
    assert [mail.message_id for mail in catcher.messages] == [row["message_id"]] * 2
    assert row["ambiguities"] == 1


def test_two_uncertain_ends_wait_for_a_person(idle, catcher):
    delivery_id = idle.order_event("dot-hang@example.test")
    idle.start()
    row = idle.until(delivery_id, "held")
    assert (row["reason"], row["ambiguities"], row["next_attempt_at"]) == ("ambiguous", 2, None)
    assert len({mail.message_id for mail in catcher.messages}) == 1
    assert len(catcher.messages) == 2
    assert eventually(lambda: idle.rows("SELECT 1 FROM job_lane WHERE lane LIKE 'email:%%'") == [])


def test_a_mail_that_kills_every_worker_is_given_up(idle):
    delivery_id = idle.order_event("ann@example.test")
    short = {"retry_patient_seconds": "0.1", "worker_lease_seconds": 0.3}
    for _ in range(2):
        die(idle, "connected", **short)
    idle.settings = idle.settings.model_copy(update={"retry_patient_seconds": (0.1,)})
    idle.start()
    assert idle.until(delivery_id, "exhausted")["reason"] == "interrupted"
