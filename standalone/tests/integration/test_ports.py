"""A taken port is a clear message that names the setting."""

import socket

import pytest
from waybill_standalone.ports import PortTakenError, free_port, is_free, require_free

pytestmark = pytest.mark.integration


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_names_the_variable_that_moves_it(taken):
    with pytest.raises(PortTakenError, match=rf"port {taken} is in use.*WAYBILL_ORDERS_WEB_PORT"):
        require_free({"WAYBILL_AUTH_WEB_PORT": free_port(1000), "WAYBILL_ORDERS_WEB_PORT": taken})


def test_the_internal_port_of_a_service_counts(taken):
    with pytest.raises(PortTakenError, match=rf"port {taken} is in use.*WAYBILL_AUTH_WEB_PORT"):
        require_free({"WAYBILL_AUTH_WEB_PORT": taken - 1000})


def test_the_mail_page_has_no_internal_port(taken):
    require_free({"WAYBILL_MAIL_WEB_PORT": taken - 1000})


def test_a_free_port_is_free():
    assert is_free(free_port())
