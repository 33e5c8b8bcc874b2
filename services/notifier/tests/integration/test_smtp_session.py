"""The SMTP session against a real server that is slow, cut or unwilling at each phase (messaging.md §11.3)."""

import pytest
from waybill_notifier.config.smtp_url import parse_smtp_url
from waybill_notifier.domain.letter import Letter, Rendered, SendError, UnsendableError
from waybill_notifier.domain.smtp_replies import FailureClass as F
from waybill_notifier.domain.smtp_replies import Stage
from waybill_notifier.domain.states import Phase
from waybill_notifier.gateways.mime import Stationery
from waybill_notifier.gateways.provider_gate import GateOptions, ProviderGate
from waybill_notifier.gateways.smtp_mailer import ReuseLimits, SmtpConnections, SmtpMailer
from waybill_notifier.gateways.smtp_wire import SmtpTimeouts
from waybill_testkit.smtp import SmtpCatcher

pytestmark = pytest.mark.integration

S = Stage
CONNECTED, ENVELOPE, DATA_SENT = Phase.CONNECTED, Phase.ENVELOPE, Phase.DATA_SENT
TIMEOUTS = SmtpTimeouts(connect=0.5, command=0.3, data=0.5, final=0.3)


@pytest.fixture
def mailer_for():
    made = []

    def make(catcher, *, limits=None, timeouts=TIMEOUTS, url=None, ca_file=None):
        server = parse_smtp_url(url or catcher.url, ca_file)
        connections = SmtpConnections(server, timeouts, limits or ReuseLimits(), "shop.example.test")
        gate = ProviderGate(GateOptions(failures=1000, configuration_seconds=0.001))
        stationery = Stationery("Waybill", "orders@shop.example.test", None, "shop.example.test")
        made.append(SmtpMailer(connections, gate, stationery, b"key", "bounce.shop.example.test"))
        return made[-1]

    yield make
    for mailer in made:
        mailer.close()


def letter(to="ann@example.test", text="Hello\n.dot\n..\n", number=1):
    return Letter(f"dlv_{number:032}", to, Rendered("Hi", text, "<p>Hello</p>", "en"), "orders", "ord_1")


def failed(mailer, to="ann@example.test"):
    phases = []
    with pytest.raises(SendError) as caught:
        mailer.send(letter(to), phases.append)
    return caught.value.stage, caught.value.failure, phases


PHASES = [
    ("connect", S.CONNECT, []),
    ("ehlo", S.CONNECT, []),
    ("mail", S.MAIL, [CONNECTED]),
    ("rcpt", S.RCPT, [CONNECTED]),
    ("data", S.DATA, [CONNECTED, ENVELOPE]),
]


@pytest.mark.parametrize("step", ["hangx1", "cutx1", "slow2x1"])
@pytest.mark.parametrize(("phase", "stage", "phases"), PHASES, ids=str)
def test_silence_and_cuts_before_the_final_dot_are_the_providers_and_safe(
    mailer_for, catcher, phase, stage, phases, step
):
    mailer = mailer_for(catcher)
    catcher.plan(phase, step)
    assert failed(mailer) == (stage, F.PROVIDER_TRANSIENT, phases)
    assert catcher.messages == []
    mailer.send(letter(), lambda phase: None)
    assert len(catcher.messages) == 1


@pytest.mark.parametrize(("step", "stored"), [("hangx1", 1), ("cutx1", 1), ("dropx1", 0)])
def test_silence_after_the_final_dot_is_ambiguous(mailer_for, catcher, step, stored):
    mailer = mailer_for(catcher)
    catcher.plan("dot", step)
    assert failed(mailer) == (S.FINAL, F.AMBIGUOUS, [CONNECTED, ENVELOPE, DATA_SENT])
    assert len(catcher.messages) == stored


def test_a_slow_answer_to_the_dot_is_waited_for(mailer_for, catcher):
    mailer = mailer_for(catcher, timeouts=SmtpTimeouts(connect=1, command=0.2, data=1, final=20))
    catcher.plan("dot", "slow0.6x1")
    assert mailer.send(letter(), lambda phase: None).code == 250


@pytest.mark.parametrize(
    ("plan", "stage", "failure", "phases"),
    [
        (("connect", "421x1"), S.CONNECT, F.PROVIDER_TRANSIENT, []),
        (("connect", "554x1"), S.CONNECT, F.CONFIGURATION, []),
        (("ehlo", "421x1"), S.CONNECT, F.PROVIDER_TRANSIENT, []),
        (("mail", "550.5.1.8x1"), S.MAIL, F.CONFIGURATION, [CONNECTED]),
        (("mail", "451x1"), S.MAIL, F.PROVIDER_TRANSIENT, [CONNECTED]),
        (("rcpt", "450x1"), S.RCPT, F.TRANSIENT, [CONNECTED]),
        (("rcpt", "450.4.7.28x1"), S.RCPT, F.PROVIDER_RATE, [CONNECTED]),
        (("rcpt", "550.5.1.1x1"), S.RCPT, F.ADDRESS, [CONNECTED]),
        (("rcpt", "552x1"), S.RCPT, F.MAILBOX_FULL, [CONNECTED]),
        (("rcpt", "550x1"), S.RCPT, F.POLICY, [CONNECTED]),
        (("rcpt", "502x1"), S.RCPT, F.PROTOCOL, [CONNECTED]),
        (("data", "451x1"), S.DATA, F.TRANSIENT, [CONNECTED, ENVELOPE]),
        (("data", "554x1"), S.DATA, F.MESSAGE, [CONNECTED, ENVELOPE]),
        (("dot", "452x1"), S.FINAL, F.TRANSIENT, [CONNECTED, ENVELOPE, DATA_SENT]),
        (("dot", "552.5.3.4x1"), S.FINAL, F.MESSAGE, [CONNECTED, ENVELOPE, DATA_SENT]),
    ],
    ids=str,
)
def test_refusals_at_each_phase(mailer_for, catcher, plan, stage, failure, phases):
    mailer = mailer_for(catcher)
    catcher.plan(*plan)
    assert failed(mailer) == (stage, failure, phases)
    assert catcher.messages == []
    mailer.send(letter(), lambda phase: None)


def test_a_server_that_is_not_there(mailer_for, catcher):
    mailer = mailer_for(catcher)
    catcher.stop()
    assert failed(mailer) == (S.CONNECT, F.PROVIDER_TRANSIENT, [])


def test_a_name_that_does_not_resolve(mailer_for, catcher):
    mailer = mailer_for(catcher, url="smtp://no-such-host.invalid:25?tls=opportunistic")
    assert failed(mailer) == (S.CONNECT, F.PROVIDER_TRANSIENT, [])


@pytest.mark.parametrize("phase", [CONNECTED, ENVELOPE, DATA_SENT])
def test_a_phase_that_is_not_committed_ends_the_session_before_the_next_step(mailer_for, catcher, phase):
    def progress(reached):
        if reached is phase:
            raise RuntimeError("the lease is lost")

    mailer = mailer_for(catcher)
    with pytest.raises(RuntimeError):
        mailer.send(letter(), progress)
    mailer.send(letter(number=2), lambda reached: None)
    assert [mail.envelope_from[:36] for mail in catcher.messages] == [f"b+dlv_{2:032}"[:36]]
    assert catcher.connections == 2


def test_the_body_arrives_octet_for_octet(mailer_for, catcher):
    mailer_for(catcher).send(letter(text=".\n..\n.dot\nend without newline"), lambda phase: None)
    assert catcher.messages[0].text.replace("\r\n", "\n") == ".\n..\n.dot\nend without newline\n"


def test_a_connection_is_given_up_after_its_share_of_mails(mailer_for, catcher):
    mailer = mailer_for(catcher, limits=ReuseLimits(mails=2))
    for number in range(5):
        mailer.send(letter(number=number), lambda phase: None)
    assert (catcher.connections, catcher.commands.count("RSET")) == (3, 2)


def test_an_idle_connection_is_given_up_after_its_time(mailer_for, catcher):
    mailer = mailer_for(catcher, limits=ReuseLimits(idle_seconds=0))
    for number in range(2):
        mailer.send(letter(number=number), lambda phase: None)
    assert catcher.connections == 2


def test_a_connection_that_died_while_idle_costs_nothing(mailer_for, catcher):
    mailer = mailer_for(catcher)
    mailer.send(letter(), lambda phase: None)
    catcher.stop()
    catcher.start()
    mailer.send(letter(number=2), lambda phase: None)
    assert len(catcher.messages) == 2


@pytest.mark.parametrize(("step", "connections"), [("550x1", 1), ("421x1", 2), ("502x1", 2), ("cutx1", 2)])
def test_a_clean_refusal_keeps_the_connection_and_a_quirk_does_not(mailer_for, catcher, step, connections):
    mailer = mailer_for(catcher)
    catcher.plan("rcpt", step)
    failed(mailer)
    mailer.send(letter(), lambda phase: None)
    assert catcher.connections == connections


def test_an_address_outside_ascii_needs_a_server_that_takes_it(mailer_for):
    with SmtpCatcher() as catcher:
        mailer_for(catcher).send(letter("jürgen@example.test"), lambda phase: None)
        assert catcher.messages[0].recipients == ("jürgen@example.test",)
    with SmtpCatcher(smtputf8=False) as catcher:
        mailer = mailer_for(catcher)
        with pytest.raises(UnsendableError) as caught:
            mailer.send(letter("jürgen@example.test"), lambda phase: None)
        assert caught.value.reason == "needs_smtputf8"
        assert catcher.messages == []
        mailer.send(letter(), lambda phase: None)
        assert catcher.connections == 1


def test_a_server_that_drips_its_answer_does_not_hold_the_thread(mailer_for, catcher):
    """smtplib's timeout is per recv; ours is per answer. The bytes come from a bare socket server."""
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def drip():
        connection, _ = listener.accept()
        with connection:
            while not done.wait(0.1):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        port = listener.getsockname()[1]
        assert failed(mailer_for(catcher, url=f"smtp://127.0.0.1:{port}?tls=off")) == (
            S.CONNECT,
            F.PROVIDER_TRANSIENT,
            [],
        )
    finally:
        done.set()
        thread.join()
        listener.close()
