"""A request's body as it comes in: whole, in parts, too large, or broken off."""

from collections.abc import Callable

import pytest

from services.edge.http.asgi import Event, Receive
from services.edge.http.request_body import ClientLeft, read_request_body
from shared.errors import InvalidRequest, TooLarge

LIMIT = 100


def receiving(*events: Event) -> tuple[Receive, Callable[[], int]]:
    """What an HTTP server hands out, and how many of the events were taken."""
    left = list(events)

    async def receive() -> Event:
        return left.pop(0)

    return receive, lambda: len(events) - len(left)


def part(body: bytes, more: bool = True) -> Event:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Event = {"type": "http.disconnect"}


async def test_a_body_in_one_piece_is_read() -> None:
    receive, _ = receiving(part(b"hello", more=False))
    assert await read_request_body(receive, LIMIT, {}) == b"hello"


async def test_a_body_in_parts_is_read_whole() -> None:
    receive, _ = receiving(part(b"he"), part(b""), part(b"llo"), part(b"", more=False))
    assert await read_request_body(receive, LIMIT, {}) == b"hello"


async def test_no_body_is_an_empty_one() -> None:
    receive, _ = receiving({"type": "http.request"})
    assert await read_request_body(receive, LIMIT, {}) == b""


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    receive, _ = receiving(part(b"x" * LIMIT, more=False))
    assert len(await read_request_body(receive, LIMIT, {})) == LIMIT
    receive, _ = receiving(part(b"x" * 60), part(b"x" * 40, more=False))
    assert len(await read_request_body(receive, LIMIT, {b"content-length": b"100"})) == LIMIT


async def test_a_limit_that_no_setting_raises_names_none() -> None:
    receive, _ = receiving(part(b"x" * 60), part(b"x" * 41, more=False))
    with pytest.raises(TooLarge) as caught:
        await read_request_body(receive, LIMIT, {}, setting="")
    assert caught.value.message == "The request's body is larger than 0.0976562 KB. Send less"


async def test_a_byte_more_than_the_limit_is_refused() -> None:
    for events in ([part(b"x" * 101, more=False)], [part(b"x" * 60), part(b"x" * 41, more=False)]):
        receive, _ = receiving(*events)
        with pytest.raises(TooLarge, match="max_request_size_mb") as caught:
            await read_request_body(receive, LIMIT, {})
        assert (caught.value.status, caught.value.type) == (413, "request_too_large")


async def test_an_endless_body_is_refused_as_soon_as_it_is_too_large() -> None:
    receive, taken = receiving(*[part(b"x" * 30) for _ in range(100)])
    with pytest.raises(TooLarge):
        await read_request_body(receive, LIMIT, {})
    assert taken() == 4


async def test_a_body_announced_as_too_large_is_refused_before_it_is_read() -> None:
    receive, taken = receiving(*[part(b"x") for _ in range(200)])
    with pytest.raises(TooLarge):
        await read_request_body(receive, LIMIT, {b"content-length": b"101"})
    assert taken() == 1


@pytest.mark.parametrize("length", [b"", b"hello", b"-5", b"9" * 5_000])
async def test_a_senseless_length_decides_nothing_it_need_not(length: bytes) -> None:
    receive, _ = receiving(part(b"he"), part(b"llo", more=False))
    try:
        assert await read_request_body(receive, LIMIT, {b"content-length": length}) == b"hello"
    except TooLarge:
        assert length.startswith(b"9")


@pytest.mark.parametrize("before", [[], [part(b"he")], [part(b"he"), part(b"ll")]])
async def test_a_client_that_leaves_before_its_body_is_whole_is_noticed(before: list[Event]) -> None:
    receive, _ = receiving(*before, GONE)
    with pytest.raises(ClientLeft):
        await read_request_body(receive, LIMIT, {})


@pytest.mark.parametrize("encoding", [b"gzip", b"zstd", b" BR"])
async def test_a_compressed_body_is_refused_as_that(encoding: bytes) -> None:
    receive, taken = receiving(part(b"\x1f\x8b", more=False))
    with pytest.raises(InvalidRequest, match=r"compressed .*Send it as it is") as refused:
        await read_request_body(receive, LIMIT, {b"content-encoding": encoding})
    assert (refused.value.status, refused.value.param, taken()) == (415, "content-encoding", 0)


async def test_an_encoding_that_is_none_changes_nothing() -> None:
    receive, _ = receiving(part(b"hello", more=False))
    assert await read_request_body(receive, LIMIT, {b"content-encoding": b"identity"}) == b"hello"
