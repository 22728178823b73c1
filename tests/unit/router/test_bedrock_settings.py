"""What an operator sets for a deployment at Bedrock or SageMaker, by LiteLLM's names, and where it goes."""

from typing import Any

import orjson
import pytest

from services.router.providers.answers.rejection import InvalidField, Rejected
from services.router.providers.anthropic.provider import MESSAGES
from services.router.providers.base import HttpCall, ProviderCall
from services.router.providers.bedrock.model_id import model_id_of
from services.router.providers.registry import load_providers
from shared.config.load import parse_config
from shared.serving.deployments import Deployment, deployments_of
from tests.router_calls import provider_call

PROVIDERS = load_providers({"AWS_BEARER_TOKEN_BEDROCK": "b"})
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-west-1:000000000000:application-inference-profile/a0a0a0a0a0a0"
ASKED: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
GUARDRAIL = {"guardrailIdentifier": "ff6ujrregl1q", "guardrailVersion": "DRAFT", "trace": "enabled"}


def configured(**params: Any) -> Deployment:
    config = parse_config({"model_list": [{"model_name": "m", "litellm_params": params}]}, {})
    assert [warning for warning in config.warnings if "litellm_params" in warning] == []
    return deployments_of(config)[0]


def sent(of: Deployment, body: dict[str, Any] | None = None, **call: Any) -> HttpCall:
    asked: ProviderCall = provider_call(body or ASKED, **call)
    return PROVIDERS[of.provider].prepare(asked, of)[0]


@pytest.mark.parametrize("route", ["", "converse/"])
def test_a_guardrail_of_the_configuration_is_sent_with_every_call(route: str) -> None:
    of = configured(model=f"bedrock/{route}{CLAUDE}", guardrailConfig=GUARDRAIL, requestMetadata={"team": "a"})
    body = orjson.loads(sent(of).body)
    assert (body["guardrailConfig"], body["requestMetadata"]) == (GUARDRAIL, {"team": "a"})


def test_a_request_cannot_take_the_guardrail_off() -> None:
    of = configured(model=f"bedrock/{CLAUDE}", guardrailConfig=GUARDRAIL)
    other = {"guardrailIdentifier": "none", "guardrailVersion": "1", "streamProcessingMode": "async"}
    body = orjson.loads(sent(of, {**ASKED, "guardrailConfig": other}).body)
    assert body["guardrailConfig"] == {**GUARDRAIL, "streamProcessingMode": "async"}


@pytest.mark.parametrize("call_type", ["acompletion", MESSAGES])
def test_invoke_model_has_the_guardrail_and_the_latency_in_its_headers(call_type: str) -> None:
    of = configured(
        model=f"bedrock/invoke/{CLAUDE}",
        guardrailConfig=GUARDRAIL,
        performanceConfig={"latency": "optimized"},
        requestMetadata={"team": "a"},
    )
    call = sent(of, call_type=call_type)
    assert not orjson.loads(call.body).keys() & {"guardrailConfig", "performanceConfig", "requestMetadata"}
    told = {name.removeprefix("x-amzn-bedrock-"): value for name, value in call.headers.items() if "bedrock" in name}
    assert told == {
        "guardrailidentifier": "ff6ujrregl1q",
        "guardrailversion": "DRAFT",
        "trace": "ENABLED",
        "performanceconfig-latency": "optimized",
        "request-metadata": '{"team":"a"}',
    }


def test_a_messages_client_passes_the_guardrail_of_a_model_without_a_route() -> None:
    of = configured(model=f"bedrock/{CLAUDE}", guardrailConfig=GUARDRAIL)
    call = sent(of, call_type=MESSAGES)
    assert call.url.endswith("/invoke")
    assert call.headers["x-amzn-bedrock-guardrailidentifier"] == "ff6ujrregl1q"


def test_the_tier_of_a_nova_that_is_invoked_stands_in_a_header() -> None:
    call = sent(configured(model="bedrock/invoke/us.amazon.nova-pro-v1:0"), {**ASKED, "service_tier": "priority"})
    assert call.headers["x-amzn-bedrock-service-tier"] == "priority"
    assert "serviceTier" not in orjson.loads(call.body)


def test_a_text_that_speaks_of_guardrails_is_a_text() -> None:
    said = {**ASKED, "messages": [{"role": "user", "content": 'what is "guardrailConfig"?'}]}
    call = sent(configured(model=f"bedrock/invoke/{CLAUDE}"), said)
    assert not any("guardrail" in name for name in call.headers)
    assert b"guardrailConfig" in call.body


@pytest.mark.parametrize("given", ["x", {"guardrailIdentifier": "x"}, {"guardrailVersion": "1"}])
def test_half_a_guardrail_is_refused(given: Any) -> None:
    with pytest.raises(InvalidField) as refused:
        sent(configured(model=f"bedrock/invoke/{CLAUDE}"), {**ASKED, "guardrailConfig": given})
    assert "guardrailConfig" in str(refused.value)


@pytest.mark.parametrize("route", ["", "converse/", "invoke/"])
def test_an_inference_profile_stands_in_for_the_name_that_tells_what_it_is(route: str) -> None:
    of = configured(model=f"bedrock/{route}{CLAUDE}", model_id=PROFILE)
    call = sent(of, {**ASKED, "thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000})
    host = "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert call.url.startswith(f"{host}/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A000000000000%3Aapplication-inference")
    assert b'"budget_tokens":1024' in call.body
    assert of.priced_as.endswith(CLAUDE)


def test_a_component_of_a_sagemaker_endpoint_is_named() -> None:
    of = configured(model="sagemaker_chat/ep", model_id="part-1", aws_access_key_id="a", aws_secret_access_key="b")
    assert PROVIDERS["sagemaker_chat"].origin(of)[1]["x-amzn-sagemaker-inference-component"] == "part-1"  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", ["us.deepseek.r1-v1:0", "invoke/us.deepseek.r1-v1:0"])
def test_a_model_that_is_invoked_by_a_bare_prompt_alone_is_asked_by_converse(model: str) -> None:
    assert sent(configured(model=f"bedrock/{model}")).url.endswith("/us.deepseek.r1-v1%3A0/converse")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"response_format": "url"}, "response_format"),
        ({"size": "big"}, "size"),
        ({"n": 0}, "n"),
        ({"taskType": "DREAM"}, "taskType"),
        ({"quality": "best"}, "quality"),
        ({"output_format": "jpeg"}, "output_format"),
        ({"prompt": 1}, "prompt"),
    ],
)
def test_what_a_painter_cannot_do_is_named(more: dict[str, Any], named: str) -> None:
    with pytest.raises(Rejected) as refused:
        sent(
            configured(model="bedrock/amazon.nova-canvas-v1:0"), {"prompt": "x", **more}, call_type="aimage_generation"
        )
    assert refused.value.param == named


@pytest.mark.parametrize(
    ("more", "named"), [({"n": 2}, "n"), ({"size": "1000x10"}, "size"), ({"quality": "hd"}, "quality")]
)
def test_what_stabilitys_painter_cannot_do_is_named_or_dropped(more: dict[str, Any], named: str) -> None:
    of, asked = configured(model="bedrock/stability.sd3-5-large-v1:0"), {"prompt": "x", **more}
    with pytest.raises(Rejected) as refused:
        sent(of, asked, call_type="aimage_generation")
    assert named in refused.value.message
    dropped = sent(of, asked, call_type="aimage_generation", drop_params=True)
    assert orjson.loads(dropped.body) == {"prompt": "x", "output_format": "png"}


CUSTOM = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/a1b2c3"


@pytest.mark.parametrize(
    ("model", "known_as", "found"),
    [
        (f"nova/{CUSTOM}", "", ("converse", CUSTOM, "amazon", "nova")),
        (f"nova-2/{CUSTOM}", "", ("converse", CUSTOM, "amazon", "nova-2")),
        (f"llama/{CUSTOM}", "", ("invoke", CUSTOM, "meta", "a1b2c3")),
        (
            "chat_completions/openai.gpt-oss-120b-1:0",
            "",
            ("converse", "openai.gpt-oss-120b-1:0", "openai", "gpt-oss-120b-1:0"),
        ),
        (
            "us.anthropic.claude-opus-4-6-v1[1m]",
            "",
            ("", "us.anthropic.claude-opus-4-6-v1", "anthropic", "claude-opus-4-6-v1"),
        ),
    ],
)
def test_litellms_forms_of_a_name_are_understood(model: str, known_as: str, found: tuple[str, ...]) -> None:
    assert tuple(model_id_of(model, known_as)) == found
