"""A handshake that is refused is no error of the gateway."""

import inspect
import logging

import pytest
from uvicorn.protocols.websockets import websockets_sansio_impl

from services.edge.realtime.refusal_log import NO_HANDSHAKE, leave_out_refusals


def test_a_refused_handshake_is_no_error_in_the_log_and_all_else_is(caplog: pytest.LogCaptureFixture) -> None:
    assert NO_HANDSHAKE in inspect.getsource(websockets_sansio_impl)
    log = logging.getLogger("uvicorn.error")
    before = list(log.filters)
    try:
        leave_out_refusals()
        log.error(NO_HANDSHAKE)
        log.error("Exception in ASGI application\n")
    finally:
        log.filters[:] = before
    assert [record.message for record in caplog.records] == ["Exception in ASGI application\n"]
