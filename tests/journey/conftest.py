"""One whole gateway for all journeys: its real processes, asked as its users ask it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import yaml

from tests.journey.batch_provider import KEY as BATCH_KEY
from tests.journey.batch_provider import BatchProvider
from tests.journey.paused_providers import PausedProviders
from tests.journey.recording_provider import RecordingProvider
from tests.journey.speakers import Speakers
from tests.journey.strict_providers import StrictProviders
from tests.provider_servers.realtime import RealtimeServer
from tests.running_gateway import RunningGateway, is_gone

PRICED = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}
BY_UNIT = {
    "input_cost_per_character": 0.00001,
    "input_cost_per_query": 0.001,
    "input_cost_per_audio_per_second": 0.0001,
}


BY_BATCH = {**PRICED, "input_cost_per_token_batches": 0.0000005, "output_cost_per_token_batches": 0.000001}


def _config(
    provider: RecordingProvider,
    batches: BatchProvider,
    speakers: Speakers,
    strict: StrictProviders,
    paused: PausedProviders,
) -> dict[str, Any]:
    gpt = {"model": "openai/gpt-5", "api_base": strict.openai.url, "api_key": strict.openai.key}
    gemini = {"model": "gemini/gemini-3-pro-preview", "api_base": strict.gemini.origin, "api_key": strict.gemini.key}
    recorded = {"model": "openai/recorder-1", "api_base": provider.url, "api_key": "sk-provider", **PRICED, **BY_UNIT}
    claude = {"model": "anthropic/claude-sonnet-4-5", "api_base": provider.url, "api_key": "sk-ant-x", **PRICED}
    batch = {"model": "openai/gpt-4o-mini", "api_base": batches.url, "api_key": BATCH_KEY, **BY_BATCH}
    unpriced = {"model": "openai/nobody-knows-it", "api_base": batches.url, "api_key": BATCH_KEY}
    azure = {"model": "azure/mini-deployment", "api_base": batches.origin, "api_key": BATCH_KEY, **BY_BATCH}
    aws = strict.bedrock.sign_in
    cohere = {"model": "cohere/command-a-03-2025", "api_base": strict.cohere.origin, "api_key": strict.cohere.key}
    ollama = {"model": "ollama/llama3.3", "api_base": strict.ollama.origin, "api_key": strict.ollama.key}
    mistral = {"model": "mistral/mistral-small-2506", "api_base": f"{strict.mistral.origin}/v1"}
    return {
        "model_list": [
            {"model_name": "demo", "litellm_params": {"model": "simulated/echo", **PRICED}},
            {"model_name": "recorded", "litellm_params": recorded},
            {"model_name": "unit", "litellm_params": {"model": "simulated/echo", "input_cost_per_request": 1.0}},
            {"model_name": "team/nested", "litellm_params": {"model": "simulated/echo", **PRICED}},
            {"model_name": "sim/*", "litellm_params": {"model": "simulated/*", **PRICED}},
            {"model_name": "claude", "litellm_params": claude},
            {"model_name": "gpt", "litellm_params": {"model": "openai/gpt-4o", "api_key": "sk-provider", **PRICED}},
            {"model_name": "batch", "litellm_params": batch},
            {"model_name": "batch-unpriced", "litellm_params": unpriced},
            {"model_name": "azure-batch", "litellm_params": {**azure, "api_version": "2024-10-21"}},
            {"model_name": "strict-gpt", "litellm_params": gpt},
            {"model_name": "strict-gemini", "litellm_params": gemini},
            {"model_name": "google-vectors", "litellm_params": {**gemini, "model": "gemini/gemini-embedding-001"}},
            {"model_name": "priced-gemini", "litellm_params": {**gemini, **PRICED}},
            {"model_name": "bedrock", "litellm_params": {"model": "bedrock/amazon.nova-lite-v1:0", **aws}},
            {"model_name": "two-accounts", "litellm_params": {**recorded, "api_key": "sk-other-account"}},
            {"model_name": "two-accounts", "litellm_params": recorded},
            {"model_name": "no-credential", "litellm_params": {"model": "openai/gpt-4o", "api_key": "os.environ/NO"}},
            {"model_name": "cohere", "litellm_params": cohere},
            {"model_name": "mistral", "litellm_params": {**mistral, "api_key": strict.mistral.key}},
            {"model_name": "ollama", "litellm_params": {**ollama, **PRICED}},
            *paused.deployments(PRICED),
            *speakers.deployments(),
        ],
        "general_settings": {
            "max_file_size_mb": 64,
            "max_batch_file_size_mb": 4,
            "meterhouse": {"batch_poll_s": 0.5, "batch_hold_s": 0.5},
        },
        "environment_variables": {"OPENAI_API_BASE": provider.url, **speakers.variables()},
        "router_settings": {"num_retries": 0, "model_group_alias": {"nickname": "demo"}},
        "guardrails": [
            {
                "guardrail_name": "no-zebra",
                "litellm_params": {
                    "guardrail": "litellm_content_filter",
                    "mode": "pre_call",
                    "default_on": True,
                    "blocked_words": [{"keyword": "project-zebra", "action": "BLOCK"}],
                },
            }
        ],
    }


@pytest.fixture(scope="session")
def provider() -> Iterator[RecordingProvider]:
    with RecordingProvider().running() as provider:
        yield provider


@pytest.fixture(scope="session")
def batch_provider() -> Iterator[BatchProvider]:
    with BatchProvider().running() as batches:
        yield batches


@pytest.fixture(scope="session")
def speakers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speakers]:
    with Speakers(tmp_path_factory.mktemp("speakers")).running() as speakers:
        yield speakers


@pytest.fixture(scope="session")
def speaker(speakers: Speakers) -> RealtimeServer:
    return speakers.plain


@pytest.fixture(scope="session")
def strict() -> Iterator[StrictProviders]:
    with StrictProviders().running() as providers:
        yield providers


@pytest.fixture(scope="session")
def paused() -> Iterator[PausedProviders]:
    with PausedProviders().running() as providers:
        yield providers


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    provider: RecordingProvider,
    batch_provider: BatchProvider,
    speakers: Speakers,
    strict: StrictProviders,
    paused: PausedProviders,
) -> Iterator[RunningGateway]:
    """Shared by all journeys: a test that kills a part of it waits until it is whole again."""
    directory: Path = tmp_path_factory.mktemp("gateway")
    (directory / "config.yaml").write_text(yaml.safe_dump(_config(provider, batch_provider, speakers, strict, paused)))
    gateway = RunningGateway(directory, "--config", "config.yaml")
    try:
        gateway.wait_for("^Ready after")
        children = gateway.children()
        yield gateway
        assert gateway.stop() == 0
        assert all(is_gone(pid) for pid in children.values())
    finally:
        gateway.close()


@pytest.fixture(scope="session")
def master(gateway: RunningGateway) -> Iterator[httpx.Client]:
    """HTTP with the master key."""
    headers = {"Authorization": f"Bearer {gateway.master_key}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def sdk(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    """The official SDK with the master key."""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.master_key, max_retries=0) as client:
        yield client


@pytest.fixture
def sdk_with(gateway: RunningGateway) -> Iterator[Callable[[str], openai.OpenAI]]:
    """The official SDK with a key of one's own."""
    clients: list[openai.OpenAI] = []

    def with_key(key: str) -> openai.OpenAI:
        clients.append(openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0))
        return clients[-1]

    yield with_key
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def claude_sdk(gateway: RunningGateway) -> Iterator[anthropic.Anthropic]:
    """Anthropic's official SDK with the master key."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.master_key, max_retries=0) as client:
        yield client


@pytest.fixture
def new_key(master: httpx.Client) -> Callable[..., str]:
    """Make a virtual key; the arguments are /key/generate's fields."""

    def make(**fields: Any) -> str:
        answer = master.post("/key/generate", json=fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["key"])

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], float], Any]:
    """Ask again until there is something; what, or a failure when it took too long."""

    def ask(question: Callable[[], Any], within_s: float) -> Any:
        give_up = time.monotonic() + within_s
        while True:
            found = question()
            if found:
                return found
            if time.monotonic() > give_up:
                pytest.fail(f"not within {within_s:g} s")
            time.sleep(0.05)

    return ask
