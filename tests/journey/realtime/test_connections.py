"""The way of a session to its provider: TLS, the authorities that are trusted, and the proxy of the environment."""

import pytest

from tests.journey.realtime.talking import Open, ask, hear, refused
from tests.journey.speakers import Speakers
from tests.running_gateway import RunningGateway


@pytest.mark.parametrize(("name", "tunnels"), [("tls", 0), ("tunnelled", 1)])
def test_a_session_is_opened_through_tls_and_takes_the_proxy_unless_its_host_is_exempt(
    opened: Open, gateway: RunningGateway, speakers: Speakers, name: str, tunnels: int
) -> None:
    server = getattr(speakers, name)
    tunnel = f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"
    before = speakers.proxy.asked.count(tunnel)
    session = opened(gateway.master_key, f"/v1/realtime?model=talk-{name}")
    hear(session, "session.created")
    assert ask(session)["response"]["status"] == "completed"
    assert server.handshakes[-1].headers["authorization"] == f"Bearer {server.key}"
    assert "proxy-authorization" not in server.handshakes[-1].headers
    assert speakers.proxy.asked.count(tunnel) - before == tunnels


def test_a_certificate_that_nobody_trusts_opens_no_session(
    opened: Open, gateway: RunningGateway, speakers: Speakers
) -> None:
    status, error = refused(opened, gateway.master_key, "/v1/realtime?model=talk-stranger")
    assert (status, "certificate" in error["message"]) == (502, True), error
    assert speakers.stranger.handshakes == []


def test_a_proxy_that_refuses_the_tunnel_is_told(opened: Open, gateway: RunningGateway, speakers: Speakers) -> None:
    speakers.proxy.sends_back = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    before = len(speakers.tunnelled.handshakes)
    try:
        status, error = refused(opened, gateway.master_key, "/v1/realtime?model=talk-tunnelled")
    finally:
        speakers.proxy.sends_back = None
    assert (status, "proxy" in error["message"]) == (502, True), error
    assert len(speakers.tunnelled.handshakes) == before
