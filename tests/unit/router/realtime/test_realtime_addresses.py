"""Where a deployment's sessions are."""

from typing import Any

import pytest

from services.router.providers.registry import load_providers
from services.router.providers.speaking import SpeaksRealtime
from tests.router_calls import deployment

PROVIDERS = load_providers({})
AZURE = "https://name.openai.azure.com"


def address(provider: str, **fields: Any) -> tuple[str, dict[str, str]]:
    speaks = PROVIDERS[provider]
    assert isinstance(speaks, SpeaksRealtime)
    call = speaks.realtime(deployment(provider=provider, **fields))
    assert call is not None
    return call.url, call.headers


def test_openai_takes_the_model_in_the_query() -> None:
    url, headers = address("openai", model="gpt-realtime", api_key="sk-1", api_base=None)
    assert url == "wss://api.openai.com/v1/realtime?model=gpt-realtime"
    assert headers == {"authorization": "Bearer sk-1"}


def test_a_server_of_ones_own_is_asked_at_its_address() -> None:
    url, _ = address("openai", model="my/model", api_key="sk-1", api_base="http://127.0.0.1:9/v1")
    assert url == "ws://127.0.0.1:9/v1/realtime?model=my%2Fmodel"


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"api_base": AZURE}, "/openai/v1/realtime?model=voice"),
        ({"api_base": f"{AZURE}/openai/v1"}, "/openai/v1/realtime?model=voice"),
        ({"api_base": AZURE, "api_version": "v1"}, "/openai/v1/realtime?model=voice"),
        ({"api_base": AZURE, "api_version": "preview"}, "/openai/v1/realtime?model=voice"),
        (
            {"api_base": AZURE, "api_version": "2024-10-01-preview"},
            "/openai/realtime?api-version=2024-10-01-preview&deployment=voice",
        ),
        (
            {"api_base": f"{AZURE}/openai/deployments/voice", "api_version": "2025-04-01-preview"},
            "/openai/realtime?api-version=2025-04-01-preview&deployment=voice",
        ),
    ],
)
def test_azure_has_sessions_in_its_dated_api_and_in_the_one_without_dates(fields: dict[str, Any], url: str) -> None:
    found, headers = address("azure", model="voice", api_key="k", **fields)
    assert found == AZURE.replace("https", "wss") + url
    assert headers == {"api-key": "k"}


def test_who_has_no_sessions_says_so() -> None:
    assert not isinstance(PROVIDERS["anthropic"], SpeaksRealtime)
    simulated = PROVIDERS["simulated"]
    assert isinstance(simulated, SpeaksRealtime)
    assert simulated.realtime(deployment(provider="simulated", model="echo", api_base=None, api_key=None)) is None
