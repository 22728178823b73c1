"""Counting a request's tokens where its provider has no endpoint for it: an estimate, made here.

It stands behind an address, as the simulated provider does, so that such a call takes every step that others take.
"""

import httpx
import orjson

from services.router.providers.base import HttpCall
from services.router.streaming.count_tokens import counted_usage

COUNTING_URL = "counting://here"


def counting_call(chat: bytes, field: str) -> HttpCall:
    """Return the call that counts a chat request; `field` is where the answer has the count."""
    return HttpCall(f"{COUNTING_URL}/{field}", {"content-type": "application/json"}, chat)


class CountingTransport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        usage = await counted_usage(request.content, "")
        counted = orjson.dumps({request.url.path.strip("/"): usage.input})
        return httpx.Response(200, headers={"content-type": "application/json"}, content=counted)
