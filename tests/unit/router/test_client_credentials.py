"""Credentials that a request brings: taken where the deployment says so, refused everywhere else."""

from typing import Any

import orjson
import pytest

from services.router.client_credentials import brings_credentials, with_clients_own
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.registry import load_providers
from shared.serving.deployments import Deployment
from tests.router_calls import deployment, provider_call

HELLO = {"model": "m", "messages": [{"role": "user", "content": 'say "api_key"'}]}
FIREWORKS = r"https://[a-z-]+\.direct\.fireworks\.ai/v1"


def sent(of: Deployment, **fields: Any) -> tuple[str, dict[str, str], dict[str, Any]]:
    call, own = with_clients_own(provider_call({**HELLO, **fields}), of)
    request = load_providers({"OPENAI_API_KEY": "sk-env"})["openai"].prepare(call, own)[0]
    return request.url, request.headers, orjson.loads(request.body)


def refused(of: Deployment, **fields: Any) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        sent(of, **fields)
    return caught.value


def test_a_clients_key_replaces_the_gateways_for_its_own_request_alone() -> None:
    of = deployment(client_sets={"api_key": None})
    url, headers, body = sent(of, api_key="sk-mine")
    assert url == "https://api.openai.com/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-mine"
    assert "api_key" not in body
    assert sent(of)[1]["authorization"] == "Bearer sk-test"


def test_a_clients_address_needs_a_clients_key_and_gets_none_of_the_operators_headers() -> None:
    of = deployment(client_sets={"api_base": None}, extra_headers={"x-secret": "s"}, organization="org")
    url, headers, body = sent(of, api_base="https://mine.example/v1", api_key="sk-mine")
    assert url == "https://mine.example/v1/chat/completions"
    assert headers == {"content-type": "application/json", "authorization": "Bearer sk-mine"}
    assert "api_base" not in body
    assert refused(of, api_base="https://mine.example/v1").param == "api_base"


def test_an_address_that_fits_the_operators_pattern_gets_the_gateways_key() -> None:
    of = deployment(client_sets={"api_base": FIREWORKS})
    url, headers, _ = sent(of, api_base="https://mine.direct.fireworks.ai/v1")
    assert url.startswith("https://mine.direct.fireworks.ai/v1/")
    assert headers["authorization"] == "Bearer sk-test"
    for base in (
        "https://evil.example/v1",
        "https://a.direct.fireworks.ai/v1.evil.example",
        "https://a.direct.fireworks.ai/v1\n",
    ):
        assert "must fit" in refused(of, api_base=base).message


@pytest.mark.parametrize("name", ["api_key", "api_base", "base_url"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "groq"])
def test_a_deployment_that_takes_none_refuses_them_naming_field_and_remedy(name: str, provider: str) -> None:
    of = deployment(provider=provider, model="m")
    with pytest.raises(InvalidField) as caught:
        load_providers({})[provider].prepare(provider_call({**HELLO, name: "sk-secret"}), of)
    assert caught.value.param == name
    assert "configurable_clientside_auth_params" in caught.value.message
    assert "sk-secret" not in caught.value.message


def test_a_name_written_with_escapes_is_seen_too() -> None:
    call = provider_call(b'{"model": "m", "messages": [], "api\\u005fkey": "sk-1"}')
    assert not brings_credentials(call)
    with pytest.raises(InvalidField):
        load_providers({})["openai"].prepare(call, deployment(client_sets={"api_key": None}))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"api_key": 1}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"api_base": "https://x.example", "api_key": "k"}, "api_base"),
    ],
)
def test_what_cannot_be_taken_is_refused(fields: dict[str, Any], param: str) -> None:
    assert refused(deployment(client_sets={"api_key": None}), **fields).param == param


def test_a_body_that_only_talks_of_keys_is_left_alone() -> None:
    of = deployment(client_sets={"api_key": None})
    call = provider_call(HELLO)
    assert brings_credentials(call) is False or with_clients_own(call, of) == (call, of)
    text = provider_call({**HELLO, "note": {"api_key": 1}})
    assert with_clients_own(text, of)[1] is of


def test_a_token_that_the_gateway_gets_goes_to_no_address_of_a_client() -> None:
    of = deployment(provider="vertex_ai", client_sets={"api_base": None})
    call = provider_call({**HELLO, "api_base": "https://mine.example", "api_key": "k"})
    with pytest.raises(InvalidField) as caught:
        with_clients_own(call, of, signs_in=True)
    assert caught.value.param == "api_base"
    fitting = deployment(provider="vertex_ai", client_sets={"api_base": r"https://mine\.example"})
    assert with_clients_own(call, fitting, signs_in=True)[1].api_base == "https://mine.example"
