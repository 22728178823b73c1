"""Where each adapter sends a call, with which headers, and what it says when something is missing."""

from typing import Any

import orjson
import pytest

from services.router.providers.answers.rejection import InvalidField, Rejected
from services.router.providers.base import HttpCall
from services.router.providers.registry import load_providers
from shared.config import MissingVariable
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment
from tests.router_calls import deployment, provider_call

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
AZURE: dict[str, Any] = {
    "provider": "azure",
    "model": "gpt-4",
    "api_key": "az",
    "api_base": "https://my-azure.openai.azure.com",
}
CLAUDE: dict[str, Any] = {"provider": "anthropic", "model": "claude-3-5-sonnet-20241022", "api_key": "sk-ant"}


def prepared(of: Deployment, environ: dict[str, str] | None = None, **call: Any) -> HttpCall:
    return load_providers(environ or {})[of.provider].prepare(provider_call(BODY, **call), of)[0]


def missing(of: Deployment, environ: dict[str, str] | None = None) -> CredentialMissing:
    with pytest.raises(CredentialMissing) as caught:
        prepared(of, environ)
    assert caught.value.status == 500
    return caught.value


# compatible ones


def test_openai_is_called_at_its_address_with_its_key() -> None:
    call = prepared(deployment(organization="org-1"))
    assert call.url == "https://api.openai.com/v1/chat/completions"
    assert call.headers == {
        "content-type": "application/json",
        "authorization": "Bearer sk-test",
        "openai-organization": "org-1",
    }


def test_keys_and_addresses_come_from_the_environment_where_nothing_is_configured() -> None:
    call = prepared(deployment(api_key=None), {"OPENAI_API_KEY": "env", "OPENAI_API_BASE": "https://x.example/v1/"})
    assert call.url == "https://x.example/v1/chat/completions"
    assert call.headers["authorization"] == "Bearer env"


def test_a_missing_key_names_the_variable_and_the_deployment() -> None:
    told = missing(deployment(provider="groq", model="llama", api_key=None))
    assert "GROQ_API_KEY" in told.message
    assert "'groq/llama'" in told.message
    assert told.param == "api_key"


def test_a_reference_to_an_unset_variable_names_it() -> None:
    told = missing(deployment(api_key=MissingVariable("MY_KEY")), {"OPENAI_API_KEY": "not this one"})
    assert "os.environ/MY_KEY" in told.message
    assert "set the environment variable MY_KEY" in told.message
    assert "MY_BASE" in missing(deployment(api_base=MissingVariable("MY_BASE"))).message


def test_an_address_that_every_customer_has_of_their_own_must_be_given() -> None:
    told = missing(deployment(provider="databricks", api_base=None))
    assert "api_base" in told.message


def test_a_server_of_ones_own_needs_no_key() -> None:
    call = prepared(deployment(provider="oobabooga", model="llama3", api_key=None, api_base="http://gpu:5000"))
    assert call.url == "http://gpu:5000/v1/chat/completions"
    assert "authorization" not in call.headers


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/api", "/api/chat", "/api/generate"])
def test_ollama_is_called_by_its_own_protocol_however_its_address_is_written(ending: str) -> None:
    of = deployment(provider="ollama_chat", model="llama3", api_key=None, api_base=f"http://gpu:11434{ending}")
    call = prepared(of)
    assert call.url == "http://gpu:11434/api/chat"
    assert "authorization" not in call.headers


@pytest.mark.parametrize("ending", ["", "/v1", "/v2/chat", "/v1/chat"])
def test_cohere_is_called_by_its_second_version_however_its_address_is_written(ending: str) -> None:
    of = deployment(provider="cohere_chat", model="command-r", api_base=f"https://api.cohere.ai{ending}")
    assert prepared(of).url == "https://api.cohere.ai/v2/chat"


@pytest.mark.parametrize(
    ("model", "base", "sent"),
    [
        ("together/deepseek-ai/DeepSeek-R1", None, "deepseek-ai/DeepSeek-R1:together"),
        ("deepseek-ai/DeepSeek-R1", None, "deepseek-ai/DeepSeek-R1"),
        ("auto/deepseek-ai/DeepSeek-R1", None, "deepseek-ai/DeepSeek-R1"),
        ("deepseek-ai/DeepSeek-R1:fastest", None, "deepseek-ai/DeepSeek-R1:fastest"),
        ("together/org/own", "http://tgi:8080", "together/org/own"),
    ],
)
def test_hugging_faces_router_is_told_who_is_to_serve(model: str, base: str | None, sent: str) -> None:
    call = prepared(deployment(provider="huggingface", model=model, api_base=base))
    assert orjson.loads(call.body)["model"] == sent
    assert call.url == f"{base or 'https://router.huggingface.co'}/v1/chat/completions"


def test_cloudflare_needs_an_account_and_has_two_endpoints() -> None:
    of = {"provider": "cloudflare", "model": "@cf/meta/llama-3.1-8b-instruct"}
    assert "CLOUDFLARE_ACCOUNT_ID" in missing(deployment(**of)).message
    account = {"CLOUDFLARE_ACCOUNT_ID": "abc"}
    root = "https://api.cloudflare.com/client/v4/accounts/abc/ai"
    assert prepared(deployment(**of), account).url == f"{root}/v1/chat/completions"
    own = prepared(deployment(**of, api_base=f"{root}/run/"), account)
    assert own.url == f"{root}/run/@cf/meta/llama-3.1-8b-instruct"


def test_extra_headers_are_added_and_a_missing_one_is_named() -> None:
    headers = {"X-Team": "a", "Authorization": "Bearer other"}
    call = prepared(deployment(extra_headers=headers))
    assert (call.headers["x-team"], call.headers["authorization"]) == ("a", "Bearer other")
    told = missing(deployment(extra_headers={"x-key": MissingVariable("X_KEY")}))
    assert "extra_headers.x-key" in told.message


def test_white_space_around_a_key_is_not_sent() -> None:
    assert prepared(deployment(api_key=" sk-1\n")).headers["authorization"] == "Bearer sk-1"
    environ = {"OPENAI_API_KEY": "sk-2\n"}
    assert prepared(deployment(api_key=None), environ).headers["authorization"] == "Bearer sk-2"
    assert prepared(deployment(**AZURE | {"api_key": "az\n"})).headers["api-key"] == "az"
    assert prepared(deployment(**CLAUDE | {"api_key": "a\r\n"})).headers["x-api-key"] == "a"


@pytest.mark.parametrize("key", ["sk\r\nx-evil: 1", "sk-“quoted”", "sk\x00", "日本"])
@pytest.mark.parametrize("own", [{}, AZURE, CLAUDE])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str, own: dict[str, Any]) -> None:
    told = missing(deployment(**own | {"api_key": key}))
    assert "header" in told.message
    assert key not in told.message


@pytest.mark.parametrize(("name", "value"), [("x y", "1"), ("x\r\ny", "1"), ("x", "1\r\ny: 2"), ("", "1")])
def test_an_extra_header_that_is_none_is_refused(name: str, value: str) -> None:
    assert "header" in missing(deployment(extra_headers={name: value})).message


def test_a_configured_deployment_is_prepared_once_and_each_for_itself() -> None:
    provider = load_providers({})["openai"]
    first, second = deployment("one", api_key="k1"), deployment("two", api_key="k2")
    for _ in range(2):
        assert provider.prepare(provider_call(BODY), first)[0].headers["authorization"] == "Bearer k1"
        assert provider.prepare(provider_call(BODY), second)[0].headers["authorization"] == "Bearer k2"


def test_a_variable_that_is_set_later_is_seen() -> None:
    environ: dict[str, str] = {}
    provider = load_providers(environ)["openai"]
    of = deployment(api_key=None)
    with pytest.raises(CredentialMissing):
        provider.prepare(provider_call(BODY), of)
    environ["OPENAI_API_KEY"] = "now"
    assert provider.prepare(provider_call(BODY), of)[0].headers["authorization"] == "Bearer now"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "max_completion_tokens"),
        ({"api_base": "http://own/v1"}, "max_tokens"),
        ({"api_base": "http://own/v1", "model": "o3"}, "max_completion_tokens"),
        ({"provider": "groq"}, "max_tokens"),
        ({"provider": "mistral"}, "max_tokens"),
        ({"provider": "openrouter", "model": "openai/gpt-5"}, "max_completion_tokens"),
        (AZURE, "max_tokens"),
        (AZURE | {"priced_as": "o3-mini"}, "max_completion_tokens"),
    ],
)
def test_an_admitted_maximum_has_the_name_the_model_knows(fields: dict[str, Any], name: str) -> None:
    body = orjson.loads(prepared(deployment(**fields), max_tokens=50).body)
    assert body[name] == 50
    assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1


def test_a_row_that_knows_no_developer_gets_system_messages() -> None:
    body = {"model": "m", "messages": [{"role": "developer", "content": "x"}]}
    providers = load_providers({})
    for name, role in (("openai", "developer"), ("groq", "system")):
        call, _ = providers[name].prepare(provider_call(body), deployment(provider=name))
        assert orjson.loads(call.body)["messages"][0]["role"] == role


# Azure


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        ("https://a.example", None, "https://a.example/openai/deployments/gpt-4/chat/completions?api-version=2024-10-21"),
        ("https://a.example/", "2024-02-01", "https://a.example/openai/deployments/gpt-4/chat/completions?api-version=2024-02-01"),
        ("https://a.example/openai", "x y", "https://a.example/openai/deployments/gpt-4/chat/completions?api-version=x%20y"),
        ("https://a.example/openai/deployments/own/", "v", "https://a.example/openai/deployments/own/chat/completions?api-version=v"),
        ("https://a.example/openai/v1/", None, "https://a.example/openai/v1/chat/completions"),
        ("https://a.example", "v1", "https://a.example/openai/v1/chat/completions"),
        ("https://a.example", "preview", "https://a.example/openai/v1/chat/completions?api-version=preview"),
        ("https://a.example/openai/v1", "latest", "https://a.example/openai/v1/chat/completions"),
        (
            "https://a.example/openai/deployments/own/chat/completions?api-version=2024-08-01-preview",
            None,
            "https://a.example/openai/deployments/own/chat/completions?api-version=2024-08-01-preview",
        ),
        ("http://127.0.0.1:8080/gateway", "v", "http://127.0.0.1:8080/gateway/openai/deployments/gpt-4/chat/completions?api-version=v"),
    ],
)  # fmt: skip
def test_azure_is_called_at_the_deployments_address(base: str, version: str | None, url: str) -> None:
    call = prepared(deployment(**AZURE | {"api_base": base, "api_version": version}))
    assert call.url == url
    assert call.headers["api-key"] == "az"
    assert "authorization" not in call.headers


def test_azures_deployment_name_is_one_part_of_the_path_and_the_model_of_the_v1_api() -> None:
    call = prepared(deployment(**AZURE | {"model": "a/b c"}))
    assert "/openai/deployments/a%2Fb%20c/chat" in call.url
    v1 = prepared(deployment(**AZURE | {"model": "my-gpt", "api_version": "v1"}))
    assert orjson.loads(v1.body)["model"] == "my-gpt"


@pytest.mark.parametrize(
    ("version", "knows"),
    [
        ("2023-05-15", False),
        ("2024-02-01", False),
        ("2024-08-01-preview", False),
        ("2024-09-01-preview", True),
        ("2024-10-21", True),
        (None, True),
        ("v1", True),
    ],
)
def test_an_old_version_of_azures_api_is_not_asked_for_what_it_does_not_know(version: str | None, knows: bool) -> None:
    of = deployment(**AZURE | {"api_version": version})
    body = {**BODY, "stream": True, "max_completion_tokens": 5}
    call = provider_call(body, stream=True, max_tokens_field="max_completion_tokens")
    sent = orjson.loads(load_providers({})["azure"].prepare(call, of)[0].body)
    assert ("stream_options" in sent) is knows
    assert sent["max_completion_tokens" if knows else "max_tokens"] == 5


def test_azure_is_not_asked_for_usage_beside_its_own_data() -> None:
    call = provider_call({**BODY, "stream": True, "data_sources": []}, stream=True)
    sent = orjson.loads(load_providers({})["azure"].prepare(call, deployment(**AZURE))[0].body)
    assert "stream_options" not in sent


def test_azure_takes_its_settings_from_the_environment() -> None:
    environ = {"AZURE_API_KEY": "k", "AZURE_API_BASE": "https://env.example", "AZURE_API_VERSION": "2025-01-01"}
    call = prepared(deployment(provider="azure", model="g", api_key=None), environ)
    assert call.url == "https://env.example/openai/deployments/g/chat/completions?api-version=2025-01-01"
    assert call.headers["api-key"] == "k"
    other = prepared(deployment(provider="azure", api_key=None), {**environ, "AZURE_OPENAI_API_KEY": "newer"})
    assert other.headers["api-key"] == "newer"


@pytest.mark.parametrize(
    ("fields", "variable"),
    [
        ({"api_key": None}, "AZURE_API_KEY"),
        ({"api_base": None}, "AZURE_API_BASE"),
        ({"api_version": MissingVariable("MY_VERSION")}, "MY_VERSION"),
        ({"api_key": MissingVariable("MY_AZURE_KEY")}, "MY_AZURE_KEY"),
    ],
)
def test_what_azure_lacks_is_named_with_its_variable(fields: dict[str, Any], variable: str) -> None:
    assert variable in missing(deployment(**AZURE | fields)).message


@pytest.mark.parametrize("base", ["my-azure.openai.azure.com", "ftp://x", "https://", "https://[::1"])
def test_an_azure_address_that_is_none_is_told(base: str) -> None:
    assert base in missing(deployment(**AZURE | {"api_base": base})).message


# Anthropic


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "https://api.anthropic.com/v1/messages"),
        ("https://a.example/", "https://a.example/v1/messages"),
        ("https://a.example/v1", "https://a.example/v1/messages"),
        ("https://a.example/v1/messages", "https://a.example/v1/messages"),
    ],
)
def test_anthropic_is_called_at_the_messages_api(base: str | None, url: str) -> None:
    call = prepared(deployment(**CLAUDE | {"api_base": base}))
    assert call.url == url
    assert call.headers == {
        "content-type": "application/json",
        "x-api-key": "sk-ant",
        "anthropic-version": "2023-06-01",
    }


def test_anthropic_without_a_key_names_the_variable() -> None:
    assert "ANTHROPIC_API_KEY" in missing(deployment(**CLAUDE | {"api_key": None})).message


@pytest.mark.parametrize(
    ("fields", "call", "sent"),
    [
        ({}, {}, 8192),
        ({"model": "claude-of-the-future"}, {}, 4096),
        ({"max_output_tokens": 777}, {}, 777),
        ({"defaults": {"max_tokens": 50}}, {}, 50),
        ({}, {"max_tokens": 60}, 60),
        ({"defaults": {"max_tokens": 50}}, {"max_tokens": 60}, 50),
    ],
)
def test_anthropic_always_gets_a_maximum(fields: dict[str, Any], call: dict[str, Any], sent: int) -> None:
    assert orjson.loads(prepared(deployment(**CLAUDE | fields), **call).body)["max_tokens"] == sent


def test_a_clients_maximum_goes_before_the_deployments() -> None:
    provider = load_providers({})["anthropic"]
    of = deployment(**CLAUDE | {"defaults": {"max_completion_tokens": 50}})
    call, _ = provider.prepare(provider_call({**BODY, "max_tokens": 70}, max_tokens_field="max_tokens"), of)
    assert orjson.loads(call.body)["max_tokens"] == 70


@pytest.mark.parametrize("body", [b'{"messages":[{"role":"user","content":"\\ud800 x"}]}', b"{", b'{"a":1e999}'])
def test_json_that_cannot_be_translated_is_the_clients_mistake(body: bytes) -> None:
    with pytest.raises(InvalidField):
        load_providers({})["anthropic"].prepare(provider_call(body), deployment(**CLAUDE))


def test_what_anthropic_lacks_is_refused_or_dropped_as_configured() -> None:
    provider = load_providers({})["anthropic"]
    body = {**BODY, "logit_bias": {"1": 2}}
    with pytest.raises(Rejected, match="logit_bias"):
        provider.prepare(provider_call(body), deployment(**CLAUDE))
    call, _ = provider.prepare(provider_call(body, drop_params=True), deployment(**CLAUDE))
    assert b"logit_bias" not in call.body


@pytest.mark.parametrize(
    ("key", "sent", "kind"),
    [
        ("pat/tok", "tok", "PROGRAMMATIC_ACCESS_TOKEN"),
        ("eyJ.eyJ.sig", "eyJ.eyJ.sig", None),
        ("ver:1-hint:x", None, None),
    ],
)
def test_snowflake_is_told_of_a_programmatic_access_token(key: str, sent: str | None, kind: str | None) -> None:
    of = deployment(
        provider="snowflake", model="claude-4-sonnet", api_key=key, api_base="https://a.snowflakecomputing.com/api/v2"
    )
    request, _ = load_providers({})["snowflake"].prepare(provider_call({"model": "m", "messages": []}), of)
    assert request.url == "https://a.snowflakecomputing.com/api/v2/cortex/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {sent or key}"
    assert request.headers.get("x-snowflake-authorization-token-type") == kind


@pytest.mark.parametrize("body", [b'{"thinking_blocks"', b'["thinking_blocks"]'])
def test_a_body_that_cannot_be_read_is_told_by_its_own_reader(body: bytes) -> None:
    of = deployment(
        provider="databricks", model="databricks-claude-sonnet-4", api_base="https://w.example/serving-endpoints"
    )
    with pytest.raises(InvalidField):
        load_providers({})["databricks"].prepare(provider_call(body), of)
