import re
import tomllib
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot

from services.router.providers.compatible import (
    BadRow,
    CompatibleProvider,
    base_url_of,
    key_headers,
    key_of,
    load_rows,
)
from services.router.providers.registry import load_providers
from shared.prices.catalogue import catalogue_ids
from tests.router_calls import deployment, provider_call

SOUND = 'docs = "https://x.example"\nkey_env = ["X_API_KEY"]\nbase_url = "https://api.x.example/v1"\n'
USED_MOST = [
    "openai", "groq", "together_ai", "fireworks_ai", "deepseek", "mistral", "codestral", "xai", "perplexity",
    "openrouter", "hosted_vllm", "vllm", "lm_studio", "llamafile", "deepinfra", "cerebras",
    "sambanova", "nvidia_nim", "nebius", "novita", "hyperbolic", "lambda_ai", "featherless_ai", "friendliai", "baseten",
    "anyscale", "moonshot", "dashscope", "volcengine", "zai", "minimax", "github", "meta_llama", "v0", "morph",
    "vercel_ai_gateway", "aiml", "cometapi", "wandb", "ovhcloud", "scaleway", "nscale", "gradient_ai", "inception",
    "xinference", "litellm_proxy", "poe", "chutes", "parasail", "huggingface", "databricks",
]  # fmt: skip


def row(**fields: Any) -> CompatibleProvider:
    return CompatibleProvider(**{"name": "x", "docs": "https://x.example", "key_env": ("X_API_KEY", "X_KEY"), **fields})


def test_the_providers_used_most_have_a_row() -> None:
    rows = load_rows()
    assert not set(USED_MOST) - set(rows)
    assert len(rows) >= 80


@pytest.mark.parametrize("name", load_rows())
def test_a_row_is_complete(name: str) -> None:
    provider = load_rows()[name]
    assert provider.name == name
    assert provider.base_url is None or not provider.base_url.startswith("http://") or provider.key_optional, (
        "only a server of one's own may be spoken to without TLS, and it needs no key"
    )
    assert base_url_of(provider, "https://own.example/v1", {}) is not None
    if provider.base_url is not None:
        assert provider.base_url.endswith(provider.base_suffix) or provider.name == "gradient_ai"


def test_a_row_is_priced_by_the_list_that_claims_its_address() -> None:
    """The catalogue knows the addresses of many providers: they must be those of the rows."""
    lists = {provider.id: provider for provider in get_snapshot().providers}
    elsewhere = {"codestral", "together_ai"}  # addresses that the catalogue does not list
    for provider in load_rows().values():
        prices = catalogue_ids().get(provider.name)
        if prices and provider.base_url and provider.name not in elsewhere:
            pattern = lists[prices].api_pattern
            assert pattern, provider.name
            assert re.match(pattern, provider.base_url), provider.name


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[x]\nkey_env = ["K"]', "docs"),
        ('[x]\ndocs = "https://x.example"', "key_env"),
        (f"[x]\n{SOUND}colour = 1", "colour"),
        (f"[x]\n{SOUND}stream_options = 'no'", "stream_options"),
        (f"[x]\n{SOUND}auth = 'basic'", "auth"),
        (f"[x]\n{SOUND}unsupported = 'seed'", "unsupported"),
        (f"[x]\n{SOUND}calls = ['dance']", "calls[0]"),
        (f"[x]\n{SOUND}thoughts = 'aloud'", "thoughts"),
        (f"[x]\n{SOUND}".replace("/v1", "/v1/"), "base_url"),
        (f"[x]\n{SOUND}".replace("https://api", "ftp://api"), "base_url"),
        ('[x]\ndocs = "https://x.example"\nkey_env = ["K"]', "base_url"),
        (f"[x]\n{SOUND}".replace("X_API_KEY", "x-api-key"), "key_env"),
        (f"[x]\n{SOUND}".replace('["X_API_KEY"]', "[]"), "key_env"),
        (f"[x]\n{SOUND}".replace('["X_API_KEY"]', '["X_API_KEY", 3]'), "key_env[1]"),
        (f"[x]\n{SOUND}base_url_env = ['']", "base_url_env"),
        (f"[x]\n{SOUND}".replace("https://x", "x"), "docs"),
    ],
)
def test_a_broken_row_is_named_with_its_field(text: str, field: str) -> None:
    with pytest.raises(BadRow) as caught:
        load_rows(text)
    assert (caught.value.row, caught.value.field) == ("x", field)
    assert "row 'x'" in str(caught.value)
    assert repr(field) in str(caught.value)


def test_a_row_that_is_no_table_is_named() -> None:
    with pytest.raises(BadRow, match="row 'x'"):
        load_rows("x = 1")


def test_a_name_may_stand_once() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        load_rows(f"[x]\n{SOUND}[x]\n{SOUND}")


def test_the_address_is_the_configured_one_before_the_environments_before_the_rows() -> None:
    provider = row(base_url="https://row.example/v1", base_url_env=("X_API_BASE", "X_BASE"))
    environment = {"X_API_BASE": "", "X_BASE": "https://env.example/v1/"}
    assert base_url_of(provider, "https://own.example/", environment) == "https://own.example"
    assert base_url_of(provider, None, environment) == "https://env.example/v1"
    assert base_url_of(provider, None, {}) == "https://row.example/v1"
    assert base_url_of(row(base_url_env=("X_API_BASE",)), None, {}) is None


@pytest.mark.parametrize("given", ["http://gpu:5000", "http://gpu:5000/", "http://gpu:5000/v1", "http://gpu:5000/v1/"])
def test_an_address_may_be_given_with_and_without_its_ending(given: str) -> None:
    assert base_url_of(load_rows()["oobabooga"], given, {}) == "http://gpu:5000/v1"


def test_the_key_is_the_configured_one_before_the_environments() -> None:
    assert key_of(row(), "own", {"X_API_KEY": "env"}) == "own"
    assert key_of(row(), None, {"X_API_KEY": "", "X_KEY": "second"}) == "second"
    assert key_of(row(), None, {}) is None


def test_the_key_goes_into_the_header_of_the_row() -> None:
    assert key_headers(row(), "k") == {"authorization": "Bearer k"}
    assert key_headers(row(auth="api-key"), "k") == {"api-key": "k"}
    assert key_headers(row(auth="plain"), "k") == {"authorization": "k"}
    assert key_headers(load_rows()["sarvam"], "k") == {"api-subscription-key": "k"}
    assert key_headers(row(key_optional=True), None) == {}


@pytest.mark.parametrize(
    ("fields", "environ"),
    [
        ({"sign_in": {"account_id": "ab12-cd"}}, {}),
        ({}, {"SNOWFLAKE_ACCOUNT_ID": "ab12-cd"}),
        ({"api_base": "https://ab12-cd.snowflakecomputing.com/api/v2/cortex/inference:complete"}, {}),
        ({}, {"SNOWFLAKE_API_BASE": "https://ab12-cd.snowflakecomputing.com/api/v2"}),
    ],
)
def test_snowflakes_account_is_found_in_every_place_that_litellm_has(
    fields: dict[str, Any], environ: dict[str, str]
) -> None:
    of = deployment(provider="snowflake", model="claude", **fields)
    body = {"messages": [{"role": "user", "content": "hi"}]}
    call = load_providers(environ)["snowflake"].prepare(provider_call(body), of)[0]
    assert call.url == "https://ab12-cd.snowflakecomputing.com/api/v2/cortex/v1/chat/completions"


def test_an_address_may_end_with_the_path_of_the_call() -> None:
    of = deployment(provider="groq", model="m", api_base="https://own.example/v1/chat/completions")
    call = load_providers({})["groq"].prepare(provider_call({"messages": []}), of)[0]
    assert call.url == "https://own.example/v1/chat/completions"
