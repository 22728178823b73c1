"""Providers, a caller, and routers that are started with a test's own configuration."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.bus import Bus
from tests.integration.router.rig import Caller, running_router, write_config
from tests.nats_server import NatsServer
from tests.provider_servers import AnthropicServer, AzureServer, OpenAIServer

PROVIDER_VARIABLES = ("OPENAI", "AZURE", "ANTHROPIC", "GROQ", "SIMULATED")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

Start = Callable[..., Awaitable[asyncio.Event]]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keys and proxies the machine has, a test's router has none but those the test sets."""
    for name in PROVIDER_VARIABLES:
        for ending in ("_API_KEY", "_API_BASE", "_BASE_URL", "_API_VERSION"):
            monkeypatch.delenv(name + ending, raising=False)
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def openai_server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def other_server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(model="llama-3.1-8b-instant") as server:
        yield server


@pytest.fixture
async def azure_server() -> AsyncIterator[AzureServer]:
    async with AzureServer(key="az-provider") as server:
        yield server


@pytest.fixture
async def anthropic_server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def start(
    nats: NatsServer,
    tmp_path: Path,
    openai_server: OpenAIServer,
    other_server: OpenAIServer,
    azure_server: AzureServer,
    anthropic_server: AnthropicServer,
) -> AsyncIterator[Start]:
    """Return what starts a router. Without models: `gpt`, `groq`, `azure` and `claude`, each at its server."""
    async with AsyncExitStack() as stack:

        async def start(
            models: list[tuple[str, dict[str, Any]]] | None = None,
            *,
            settings: dict[str, Any] | None = None,
            **sections: Any,
        ) -> asyncio.Event:
            known = [
                ("gpt", at(openai_server)),
                ("groq", at(other_server, "groq/llama-3.1-8b-instant")),
                ("azure", {"model": "azure/gpt-4", "api_base": azure_server.origin, "api_key": azure_server.key}),
                ("claude", at(anthropic_server, "anthropic/claude-3-5-sonnet-20241022")),
            ]
            config = write_config(tmp_path, known if models is None else models, **sections)
            return await stack.enter_async_context(running_router(nats.url, config, **(settings or {})))

        yield start


@pytest.fixture
async def caller(bus: Bus) -> AsyncIterator[Caller]:
    caller = Caller(bus)
    await caller.start()
    yield caller
    assert caller.gaps == []


def at(server: OpenAIServer | AnthropicServer, model: str = "openai/gpt-4o", **params: Any) -> dict[str, Any]:
    """Return the parameters of a deployment at that server."""
    base = server.url if isinstance(server, OpenAIServer) else server.origin
    return {"model": model, "api_base": base, "api_key": server.key, **params}
