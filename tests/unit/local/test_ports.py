import socket

import pytest

from services.local import ports
from services.local.failures import CannotStart
from services.local.ports import FIRST, LAST, free_port, is_free


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_port_somebody_listens_on_is_not_free_on_all_addresses_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1], "0.0.0.0")


def test_a_port_is_free_again_as_soon_as_its_server_has_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    assert is_free(port)


def test_a_host_that_is_not_this_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        is_free(free_port(), "192.0.2.1")


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    assert FIRST <= free_port() <= LAST


def test_the_port_of_last_time_is_kept_while_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port


def test_a_port_that_is_spoken_for_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(ports, "FIRST", port)
    monkeypatch.setattr(ports, "LAST", port)
    with pytest.raises(CannotStart, match="No free port"):
        free_port(taken={port})
