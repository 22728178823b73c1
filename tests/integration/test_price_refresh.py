"""The price catalogue, fetched anew from a real server: applied as a whole or not at all."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot, set_custom_snapshot
from structlog.testing import capture_logs

from services.policy.budgets.ceilings import Ceilings
from shared.price_refresh import keep_prices_fresh
from shared.prices import PriceBook, rows_between, snapshots
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups
from tests.integration.router.rig import until

GPT = Deployment(id="d1", group="model", provider="openai", model="gpt-4o", priced_as="gpt-4o")


class PriceServer:
    """Answers with `body`, and `status`, once it may."""

    def __init__(self) -> None:
        self.body, self.status, self.asked, self.answered = b"[]", 200, 0, 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.may_answer.wait(30)
                outer.answered += 1
                self.send_response(outer.status)
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                with suppress(BrokenPipeError):
                    self.wfile.write(outer.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/data.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def offers(self, input_usd: float, output_usd: float) -> None:
        model = {
            "id": "gpt-4o",
            "match": {"equals": "gpt-4o"},
            "prices": {"input_mtok": input_usd, "output_mtok": output_usd},
        }
        provider = {"id": "openai", "name": "OpenAI", "api_pattern": "openai", "models": [model]}
        self.body = json.dumps([provider]).encode()


@pytest.fixture
def server() -> Iterator[PriceServer]:
    running = PriceServer()
    before = snapshots._editions
    yield running
    set_custom_snapshot(None)
    snapshots._editions = before._replace(number=snapshots.generation() + 1)
    running.server.shutdown()
    running.server.server_close()


def input_rate(book: PriceBook) -> Any:
    row = book.row_for("d1", "openai", "gpt-4o", own={}, now=time.time())
    assert row is not None
    return row.rates["input"].base, row.source


async def test_new_prices_are_used_without_a_restart_and_name_their_edition(server: PriceServer) -> None:
    server.offers(7, 21)
    book = PriceBook()
    assert input_rate(book)[0] == 2_500_000
    refresh = asyncio.create_task(keep_prices_fresh(server.url, 0.2, least_share=0))
    try:
        await until(lambda: input_rate(book)[0] == 7_000_000)
        today = datetime.now(UTC).strftime(" updated %Y-%m-%dT")
        assert today in input_rate(book)[1]
        server.offers(8, 21)
        await until(lambda: input_rate(book)[0] == 8_000_000)
    finally:
        refresh.cancel()


async def test_what_is_held_covers_the_old_prices_and_the_new_ones(server: PriceServer) -> None:
    ceilings = Ceilings(ModelGroups([GPT]), {}, {}, 100)
    now = time.time()
    assert ceilings.of_group("model", with_fallbacks=True, now=now).input_rate == 2_500_000
    server.offers(1, 21)
    refresh = asyncio.create_task(keep_prices_fresh(server.url, 60, least_share=0))
    try:
        await until(lambda: get_snapshot().from_auto_update)
        found = ceilings.of_group("model", with_fallbacks=True, now=now)
        assert (found.input_rate, found.output_rate) == (2_500_000, 21_000_000)
        sources = {row.source for row in rows_between("d1", "openai", "gpt-4o", own={}, start=now, end=now)}
        assert len(sources) == 2
    finally:
        refresh.cancel()


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"[]", 200, "it has 0 models"),
        (b"{", 200, "JSONDecodeError"),
        (b"{}", 200, "Expected fetched prices payload to be a provider array"),
        (b'[{"id": 3}]', 200, "ValidationError"),
        (b"gone", 404, "404"),
    ],
)
async def test_what_is_no_price_list_changes_nothing_and_is_told_of(
    server: PriceServer, body: bytes, status: int, problem: str
) -> None:
    server.body, server.status = body, status
    book = PriceBook()
    with capture_logs() as logs:
        refresh = asyncio.create_task(keep_prices_fresh(server.url, 60))
        await until(lambda: bool(logs))
        refresh.cancel()
    assert logs[0]["event"] == "prices were not refreshed: those of before stay"
    assert problem in logs[0]["problem"]
    assert input_rate(book)[0] == 2_500_000
    assert not get_snapshot().from_auto_update


async def test_an_edition_that_lost_most_models_is_not_used(server: PriceServer) -> None:
    server.offers(7, 21)
    with capture_logs() as logs:
        refresh = asyncio.create_task(keep_prices_fresh(server.url, 60))
        await until(lambda: bool(logs))
        refresh.cancel()
    assert logs[0]["problem"].startswith("it has 1 models, ")
    assert not get_snapshot().from_auto_update


async def test_a_server_that_is_away_is_asked_again_and_nothing_waits_for_it(server: PriceServer) -> None:
    server.offers(7, 21)
    server.status = 500
    server.may_answer.clear()
    book = PriceBook()
    refresh = asyncio.create_task(keep_prices_fresh(server.url, 0.1, least_share=0))
    try:
        await until(lambda: server.asked > 0)
        assert input_rate(book)[0] == 2_500_000
        await asyncio.sleep(0)
        assert server.answered == 0, "the loop goes on while it is waited for"
        server.may_answer.set()
        await until(lambda: server.asked > 1)
        server.status = 200
        await until(lambda: input_rate(book)[0] == 7_000_000)
    finally:
        refresh.cancel()


async def test_a_router_uses_new_prices_later_than_policy(server: PriceServer) -> None:
    server.offers(7, 21)
    began = time.monotonic()
    refresh = asyncio.create_task(keep_prices_fresh(server.url, 60, apply_after_s=0.5, least_share=0))
    try:
        await until(lambda: get_snapshot().from_auto_update)
        assert time.monotonic() - began > 0.5
    finally:
        refresh.cancel()
