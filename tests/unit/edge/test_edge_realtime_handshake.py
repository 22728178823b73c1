"""What a client says when it opens a session."""

import pytest

from services.edge.realtime.handshake import opening_of
from shared.errors import InvalidRequest


def test_the_model_is_in_the_query_under_openais_name_or_azures() -> None:
    assert opening_of({}, b"model=talk%2Fone", ()).model == "talk/one"
    assert opening_of({}, b"api-version=2024-10-01-preview&deployment=talk", ()).model == "talk"
    assert opening_of({}, b"model=talk&intent=conversation", ()).model == "talk"
    assert opening_of({}, b"model=", ()).model == "", "a client secret may tell it"


@pytest.mark.parametrize(
    ("query", "param"),
    [(b"model=a&intent=transcription", "intent"), (b"call_id=rtc_1", "call_id")],
)
def test_what_is_no_session_that_there_is_is_refused(query: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        opening_of({}, query, ())
    assert refused.value.param == param


def test_a_browser_says_its_key_in_a_subprotocol() -> None:
    offered = ("realtime", "openai-insecure-api-key.sk-1", "openai-beta.realtime-v1")
    opening = opening_of({b"host": b"gateway"}, b"model=talk", offered)
    assert opening.headers == {
        b"host": b"gateway",
        b"authorization": b"Bearer sk-1",
        b"openai-beta": b"realtime=v1",
    }
    assert opening.subprotocol == "realtime"


def test_headers_go_before_subprotocols_and_a_key_is_never_answered() -> None:
    offered = ("openai-insecure-api-key.sk-2", "openai-beta.realtime-v2")
    given = {b"authorization": b"Bearer sk-1", b"openai-beta": b"realtime=v1"}
    opening = opening_of(given, b"model=talk", offered)
    assert (opening.headers, opening.subprotocol) == (given, None)
