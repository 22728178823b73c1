"""Where Vertex AI is called for which kind of model."""

from typing import Any

import pytest

from services.router.providers.base import HttpCall, PlainChat
from services.router.providers.registry import load_providers
from services.router.providers.vertex.hosted import hosted_of
from services.router.providers.vertex.provider import Vertex
from services.router.providers.vertex.token import GoogleToken
from shared.config.load import parse_config
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment, deployments_of
from tests.router_calls import deployment, provider_call

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class Known:
    """A token that is at hand."""

    def __init__(self, project: str | None = "own", quota: str | None = None) -> None:
        self.token = GoogleToken("ya29", project, quota)

    async def ready(self, deployment: Deployment) -> None:
        pass

    def of(self, deployment: Deployment) -> GoogleToken:
        return self.token

    def drop(self, deployment: Deployment) -> None:
        pass


def prepared(
    known: Known | None = None, *, environ: dict[str, str] | None = None, stream: bool = False, **fields: Any
) -> HttpCall:
    given: dict[str, Any] = {"provider": "vertex_ai", "model": "gemini-2.5-flash", "api_key": None}
    provider = Vertex(environ or {}, known or Known())
    return provider.prepare(provider_call(BODY, stream=stream), deployment(**given | fields))[0]


GEMINI = "publishers/google/models/gemini-2.5-flash:generateContent"


@pytest.mark.parametrize(
    ("fields", "environ", "url"),
    [
        ({}, {}, f"https://us-central1-aiplatform.googleapis.com/v1/projects/own/locations/us-central1/{GEMINI}"),
        (
            {"sign_in": {"vertex_project": "p", "vertex_location": "global"}},
            {},
            f"https://aiplatform.googleapis.com/v1/projects/p/locations/global/{GEMINI}",
        ),
        (
            {},
            {"VERTEXAI_PROJECT": "p", "VERTEXAI_LOCATION": "eu"},
            f"https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/{GEMINI}",
        ),
        ({"api_base": "http://x/v1/", "region": "r"}, {}, f"http://x/v1/projects/own/locations/r/{GEMINI}"),
        ({"api_key": "AQ.key"}, {}, f"https://aiplatform.googleapis.com/v1/{GEMINI}"),
        (
            {"model": "1234567890"},
            {},
            "https://us-central1-aiplatform.googleapis.com/v1/projects/own/locations/us-central1/endpoints/1234567890:generateContent",
        ),
    ],
)
def test_gemini_is_called_at_its_location(fields: dict[str, Any], environ: dict[str, str], url: str) -> None:
    call = prepared(environ=environ, **fields)
    assert call.url == url
    told = call.headers.get("authorization"), call.headers.get("x-goog-api-key")
    assert told == ((None, "AQ.key") if "api_key" in fields else ("Bearer ya29", None))


@pytest.mark.parametrize(
    ("model", "form", "path", "name"),
    [
        ("gemini/987", "gemini", "endpoints/987", "987"),
        (
            "claude-opus-4-1@20250805",
            "anthropic",
            "publishers/anthropic/models/claude-opus-4-1@20250805",
            "claude-opus-4-1@20250805",
        ),
        ("codestral-2501", "mistral", "publishers/mistralai/models/codestral-2501", "codestral-2501"),
        ("jamba-1.5-large@001", "mistral", "publishers/ai21/models/jamba-1.5-large@001", "jamba-1.5-large"),
        (
            "meta/llama-4-maverick-17b-128e-instruct-maas",
            "openai",
            "endpoints/openapi",
            "meta/llama-4-maverick-17b-128e-instruct-maas",
        ),
        ("openai/gpt-oss-120b-maas", "openai", "endpoints/openapi", "openai/gpt-oss-120b-maas"),
        ("openai/5464397967697903616", "openai", "endpoints/5464397967697903616", ""),
        (
            "qwen/qwen3-coder-480b-a35b-instruct-maas",
            "openai",
            "endpoints/openapi",
            "qwen/qwen3-coder-480b-a35b-instruct-maas",
        ),
    ],
)
def test_each_model_speaks_its_makers_form(model: str, form: str, path: str, name: str) -> None:
    assert hosted_of(model) == (form, path, name)


def test_a_project_that_nothing_tells_is_asked_for() -> None:
    with pytest.raises(CredentialMissing, match="vertex_project"):
        prepared(Known(project=None))


def test_a_users_calls_are_charged_to_the_quota_project() -> None:
    assert prepared(Known(quota="q")).headers["x-goog-user-project"] == "q"


@pytest.mark.parametrize(
    ("name", "model", "plain"),
    [
        ("vertex_ai", "gemini-2.5-flash", False),
        ("vertex_ai", "claude-sonnet-4-5", False),
        ("vertex_ai", "meta/llama-3.3-70b-instruct-maas", True),
        ("vertex_ai", "mistral-large-2411", True),
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", False),
        ("bedrock", "invoke/openai.gpt-oss-120b-1:0", True),
        ("azure_ai", "claude-sonnet-4-5", False),
        ("azure_ai", "Phi-4", True),
        ("sagemaker_chat", "endpoint", True),
    ],
)
def test_only_who_speaks_openais_form_gets_a_translated_chat_in_its_plain_words(
    name: str, model: str, plain: bool
) -> None:
    provider = load_providers({})[name]
    assert isinstance(provider, PlainChat)
    assert provider.plain(deployment(provider=name, model=model)) is plain


def test_litellms_other_names_of_the_place_are_taken() -> None:
    params = {"model": "vertex_ai/gemini-2.5-flash", "vertex_ai_project": "p", "vertex_ai_location": "europe-west4"}
    config = parse_config({"model_list": [{"model_name": "m", "litellm_params": params}]}, {})
    (of,) = deployments_of(config)
    assert (of.sign_in, of.geo) == ({"vertex_project": "p", "vertex_location": "europe-west4"}, "europe-west4")
