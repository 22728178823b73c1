"""What is made once for a deployment is made for that one alone, whatever ids and names others share with it."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.router.providers.prepared import Prepared
from services.router.providers.registry import load_providers
from services.router.providers.supported import supported_providers
from shared.serving.deployments import Deployment
from tests.router_calls import deployment, provider_call

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
_SIGN_IN_FIRST = {"sagemaker", "sagemaker_chat", "watsonx"}
"""Their calls carry a credential that is got first, whatever key there is: tests/integration/router tests those."""

CHAT = [
    each.name
    for each in supported_providers()
    if "chat" in each.calls and each.key_env and each.name not in _SIGN_IN_FIRST
]


@pytest.mark.parametrize("name", CHAT)
def test_no_adapter_mixes_the_models_and_credentials_of_one_id(name: str) -> None:
    """A wildcard's models share its id, and so does a request with a client's own credential."""
    environ = {"AZURE_API_BASE": "https://own.example"}
    provider = load_providers(environ)[name]
    base = None if name == "azure" else "https://own.example/v1"
    first = deployment(provider=name, model="first-model", api_key="first-key", api_base=base)
    second = replace(first, model="second-model", priced_as="second-model", api_key="second-key")
    sent = []
    for of in (first, second, first):
        call = provider.prepare(provider_call(HELLO), of)[0]
        sent.append(" ".join([call.url, *call.headers.values(), call.body.decode()]))
    assert sent[0] == sent[2]
    assert "first-model" in sent[0]
    assert "first" not in sent[1]


def test_nothing_is_kept_of_a_deployment_that_is_gone() -> None:
    made: list[str] = []

    def make(of: Deployment) -> list[str]:
        made.append(of.id)
        return made

    prepared = Prepared(make)
    kept = deployment("kept")
    for _ in range(3):
        prepared.of(kept)
        prepared.of(deployment("passing"))
    gc.collect()
    assert made == ["kept", "passing", "passing", "passing"]
    assert len(prepared._made) == 1


@pytest.fixture(scope="module")
def only_what_is_new() -> Iterator[None]:
    """Collections that look at nothing older: over all that a test run has loaded each would take half a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("only_what_is_new")
@pytest.mark.parametrize("name", CHAT)
def test_no_adapter_keeps_a_deployment_that_is_gone(name: str) -> None:
    """One made for a single request, with a client's own key, must not stay with its key."""
    provider = load_providers({"AZURE_API_BASE": "https://own.example"})[name]
    of = deployment(provider=name, model="m", api_key="k", api_base=None if name == "azure" else "https://own.example")
    gone = weakref.ref(of)
    provider.prepare(provider_call(HELLO), of)
    del of
    gc.collect()
    assert gone() is None
