"""Cross-origin calls: a web page of any origin may call, as LiteLLM allows; it needs a key, never a cookie.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from services.edge.http.asgi import App, Event, Receive, Scope, Send

_ALLOWED = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"*")]


def with_origin_allowed(send: Send) -> Send:
    """Return a `send` whose answers a page of another origin may read."""

    async def send_allowed(event: Event) -> None:
        if event["type"] == "http.response.start":
            event["headers"] = [*event.get("headers", ()), *_ALLOWED]
        await send(event)

    return send_allowed


class Cors:
    """`app`, with preflight requests answered and its answers allowed to be read."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if b"origin" not in headers:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer_preflight(headers, send)
        else:
            await self._app(scope, receive, with_origin_allowed(send))


async def _answer_preflight(headers: dict[bytes, bytes], send: Send) -> None:
    allowed = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        (b"access-control-max-age", b"600"),
        (b"content-length", b"0"),
        (b"vary", b"Access-Control-Request-Headers"),
    ]
    asked = headers.get(b"access-control-request-headers")
    if asked:
        allowed.append((b"access-control-allow-headers", asked))  # "*" would not allow Authorization
    await send({"type": "http.response.start", "status": 200, "headers": allowed})
    await send({"type": "http.response.body", "body": b""})
