"""Which path goes where, and what pages of other origins are told."""

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.journey import Journey
from services.edge.calls.pass_through import PassThrough, Target
from services.edge.calls.table import Table
from services.edge.http.asgi import Event, Receive, Scope, Send
from services.edge.http.front import Front
from services.edge.objects.paths import ObjectPaths
from services.edge.objects.requests import ObjectRequests
from services.edge.realtime.journey import RealtimeJourney

PROVIDERS = frozenset(("openai", "anthropic"))


class Seen:
    """Stands where the journey of a call and everything else begin, and notes what gets there."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str | None]] = []
        self.others: list[str] = []

    async def answer(
        self,
        endpoint: Endpoint,
        scope: Scope,
        receive: Receive,
        send: Send,
        model_in_path: str | None,
        target: Target | None = None,
        reads: Any = None,
    ) -> None:
        self.calls.append((endpoint.call_type, target.url if target else scope["path"], model_in_path))

    async def rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.others.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": b"rest"})


async def call(
    method: str, path: str, headers: Sequence[tuple[bytes, bytes]] = (), *, passing: frozenset[str] = frozenset()
) -> tuple[Seen, int, dict[bytes, bytes], Any]:
    seen, sent = Seen(), cast("list[Event]", [])

    async def receive() -> Event:
        raise AssertionError("the body is not for the front to read")

    async def send(event: Event) -> None:
        sent.append(event)

    front = Front(
        cast("Journey", seen),
        Table(),
        PassThrough(passing),
        seen.rest,
        realtime=cast("RealtimeJourney", seen),
        object_paths=ObjectPaths(passing),
        objects=cast("ObjectRequests", None),
    )
    bare, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": bare, "headers": list(headers)}
    await front({**scope, "raw_path": bare.encode(), "query_string": query.encode()}, receive, send)
    if not sent:
        return seen, 0, {}, b""
    return seen, sent[0]["status"], dict(sent[0]["headers"]), b"".join(event["body"] for event in sent[1:])


@pytest.mark.parametrize(
    ("path", "route", "model"),
    [
        ("/v1/chat/completions", "/v1/chat/completions", None),
        ("/chat/completions", "/chat/completions", None),
        ("/openai/v1/chat/completions", "/openai/v1/chat/completions", None),
        ("/v1/chat/completions/", "/v1/chat/completions", None),
        ("/openai/deployments/gpt-4/chat/completions", "/openai/deployments/gpt-4/chat/completions", "gpt-4"),
        ("/openai/deployments/a/b/chat/completions", "/openai/deployments/a/b/chat/completions", "a/b"),
        ("/engines/gpt-4/chat/completions", "/engines/gpt-4/chat/completions", "gpt-4"),
        ("/openai/deployments/gpt-4/chat/completions/", "/openai/deployments/gpt-4/chat/completions", "gpt-4"),
    ],
)
async def test_calls_take_the_short_way(path: str, route: str, model: str | None) -> None:
    for written, call_type in [("/chat/completions", "acompletion"), ("/embeddings", "aembedding")]:
        seen, *_ = await call("POST", path.replace("/chat/completions", written))
        assert seen.calls == [(call_type, route.replace("/chat/completions", written), model)]
        assert seen.others == []


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1/models", "/v1/chat", "/v1/chat/completions/x", "/v2/chat/completions", "/V1/chat/completions"),
        *("//v1/chat/completions", "/key/generate", "/openai/deployments//chat/completions/x", "/v1/models/"),
    ],
)
async def test_everything_else_goes_on(path: str) -> None:
    seen, status, _, body = await call("POST", path)
    assert (seen.calls, seen.others, status, body) == ([], [path], 200, b"rest")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/openai/deployments/a/chat/completions", "/chat/completions/"]
)
async def test_another_method_on_a_hot_route_is_refused_in_the_common_shape(method: str, path: str) -> None:
    seen, status, headers, body = await call(method, path)
    assert (seen.calls, seen.others, status, headers[b"allow"]) == ([], [], 405, b"POST")
    assert json.loads(body)["error"] == {
        "message": f"{method} {path}: this route takes POST",
        **{"type": "invalid_request_error", "param": None, "code": "405"},
    }


PREFLIGHT = [
    (b"origin", b"https://app.example"),
    (b"access-control-request-method", b"POST"),
    (b"access-control-request-headers", b"authorization,content-type,x-stainless-os"),
]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/key/generate", "/nowhere"])
async def test_a_browsers_preflight_is_answered_for_every_route(path: str) -> None:
    seen, status, headers, body = await call("OPTIONS", path, PREFLIGHT)
    assert (seen.others, status, body) == ([], 200, b"")
    assert headers[b"access-control-allow-origin"] == b"*"
    assert headers[b"access-control-allow-headers"] == b"authorization,content-type,x-stainless-os"
    assert b"POST" in headers[b"access-control-allow-methods"]


async def test_a_preflight_that_asks_for_no_headers_is_answered_too() -> None:
    _, status, headers, _ = await call("OPTIONS", "/v1/models", PREFLIGHT[:2])
    assert (status, b"access-control-allow-headers" in headers) == (200, False)


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_an_answer_to_a_page_may_be_read_by_it(method: str) -> None:
    seen, _, headers, _ = await call(method, "/v1/models", PREFLIGHT[:1])
    assert seen.others == ["/v1/models"]
    assert (headers[b"access-control-allow-origin"], headers[b"x-own"]) == (b"*", b"1")
    assert headers[b"access-control-expose-headers"] == b"*"


async def test_an_answer_to_no_page_says_nothing_of_origins() -> None:
    assert not any(b"access-control" in name for name in (await call("GET", "/v1/models"))[2])


async def test_an_error_may_be_read_by_the_page_too() -> None:
    _, status, headers, _ = await call("GET", "/v1/chat/completions", PREFLIGHT[:1])
    assert (status, headers[b"access-control-allow-origin"]) == (405, b"*")


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/anthropic/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("GET", "/openai/v1/models", "/v1/models"),
        ("DELETE", "/openai/v1/evals/f%2F1?key=sk-ours&a=", "/v1/evals/f%2F1?a="),
        ("POST", "/openai/v1/threads", "/v1/threads"),
    ],
)
async def test_a_providers_path_goes_to_it_as_it_is_without_our_key(method: str, path: str, target: str) -> None:
    seen, *_ = await call(method, path, passing=PROVIDERS)
    assert seen.calls == [("pass_through_endpoint", target, None)]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/groq/v1/models"), ("GET", "/openai"), ("GET", "/openai/"), ("OPTIONS", "/openai/v1/models")],
)
async def test_what_is_no_call_of_a_known_provider_is_not_passed(method: str, path: str) -> None:
    assert (await call(method, path, passing=PROVIDERS))[0].calls == []


async def test_an_endpoint_of_ours_goes_before_a_providers_path() -> None:
    seen, *_ = await call("POST", "/openai/v1/chat/completions", passing=PROVIDERS)
    assert seen.calls == [("acompletion", "/openai/v1/chat/completions", None)]
    assert (await call("GET", "/openai/v1/chat/completions", passing=PROVIDERS))[1] == 405
