"""Edge's admin routes over a real control plane and NATS, for tests of one kind of holder each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.edge.admin.authority import Actor
from services.edge.admin.ledger import Ledger
from services.edge.admin.own_view import seen_in
from services.edge.admin.routes import management_routes
from services.edge.http.error_dialects import openai_error
from services.policy.control.endpoints import serve_control
from services.policy.control.plane import ControlPlane
from shared import subjects
from shared.bus import Bus, KvView, Message
from shared.config import Config, load_config
from shared.errors import AuthenticationFailed, GatewayError
from shared.heartbeat import Pulse
from shared.identity.holders import Holder, decode_holder, entry_name
from shared.identity.keys import Key, decode_key, token_of

MASTER = "sk-master-0123456789"


@dataclass
class AdminGateway:
    """`spent` is what owners of partitions say, by account; what is not in it is 0."""

    client: httpx.AsyncClient
    keys: KvView[Key]
    holders: KvView[Holder]
    spent: dict[str, Any] = field(default_factory=dict)
    silent: bool = False  # nobody says what was spent
    logged: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # what the ledger answers, by question
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # what it was asked, and the filter

    async def call(self, method: str, path: str, *, sender: str = MASTER, **named: Any) -> httpx.Response:
        return await self.client.request(method, path, headers={"Authorization": f"Bearer {sender}"}, **named)

    async def post(self, path: str, body: Any, *, sender: str = MASTER) -> httpx.Response:
        return await self.call("POST", path, sender=sender, json=body)

    async def get(self, path: str, *, sender: str = MASTER, **params: Any) -> httpx.Response:
        return await self.call("GET", path, sender=sender, params=params)

    async def done(self, path: str, **body: Any) -> Any:
        answer = await self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def holder(self, kind: Any, holder_id: str) -> Holder | None:
        return self.holders.entries.get(entry_name(kind, holder_id))

    def spend(self, account: str, pico: int, **window: float) -> None:
        self.spent[account] = {"spend_pico": pico, "held_pico": 0, "window_start": None, "window_end": None, **window}


@asynccontextmanager
async def admin_gateway(bus: Bus, config: Config | None = None) -> AsyncIterator[AdminGateway]:
    """Edge's routes, policy's control plane, and owners of all partitions that have seen no request."""
    config = config or load_config(None, {})
    keys = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    holders = KvView(bus, subjects.HOLDERS_BUCKET, decode_holder)
    await keys.start()
    await holders.start()
    serving = await serve_control(bus, ControlPlane(bus, config, keys, holders))
    transport = httpx.ASGITransport(_app(bus, config, keys, holders))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        gateway = AdminGateway(client, keys, holders)

        async def owner(message: Message) -> bytes:
            nothing = {"spend_pico": 0, "held_pico": 0, "window_start": None, "window_end": None}
            if gateway.silent:
                return b"{}"
            asked = msgspec.json.decode(message.data)["accounts"]
            return msgspec.json.encode({account: gateway.spent.get(account, nothing) for account in asked})

        async def ledger(message: Message) -> bytes:
            name = message.subject.rpartition(".")[2]
            gateway.asked.append((name, msgspec.json.decode(message.data).get("body", {})))
            return msgspec.json.encode({"status": 200, "body": gateway.logged.get(name, [])})

        for name in ("spend_users", "spend_end_users", "spend_tags"):
            await bus.serve(subjects.query(name), ledger)
        for partition in range(config.general_settings.meterhouse.partitions):
            await bus.serve(subjects.account(partition), owner)
        yield gateway
    await bus.unsubscribe(serving)
    await keys.stop()
    await holders.stop()


def _app(bus: Bus, config: Config, keys: KvView[Key], holders: KvView[Holder]) -> FastAPI:
    def identify(headers: Mapping[str, str]) -> Actor:
        key = headers.get("authorization", "").removeprefix("Bearer ")
        if key == MASTER:
            return Actor("litellm_proxy_master_key", True, "default_user_id")
        known = keys.entries.get(token_of(key))
        if known is None:
            raise AuthenticationFailed("Authentication Error, Invalid proxy server token passed.")
        return Actor(known.token, False, known.user_id or "", known.team_id or "")

    app = FastAPI()
    new_users = config.litellm_settings.default_internal_user_params
    ledger = Ledger(bus, Pulse(bus))
    for routes in management_routes(bus, ledger, identify, seen_in(keys), seen_in(holders), user_terms=new_users):
        app.include_router(routes)

    @app.exception_handler(GatewayError)
    async def failed(_: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, GatewayError)
        return JSONResponse(openai_error(failure), failure.status)

    return app
