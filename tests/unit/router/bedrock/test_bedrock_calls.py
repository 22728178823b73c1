"""Where Bedrock is called, and who signs."""

from typing import Any

import pytest

from services.router.providers.aws.credentials import AwsCredentials
from services.router.providers.base import HttpCall
from services.router.providers.bedrock.provider import Bedrock
from shared.config import MissingVariable
from shared.errors import CredentialMissing
from shared.prices.catalogue import catalogue_row
from shared.serving.deployments import Deployment
from tests.provider_servers.aws_signature import why_refused
from tests.provider_servers.http_server import Received
from tests.router_calls import deployment, provider_call

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


class Known:
    """Credentials that are at hand."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ready(self, deployment: Deployment) -> None:
        self.asked.append(deployment.id)

    def of(self, deployment: Deployment) -> AwsCredentials:
        return AwsCredentials("AKIA", "secret", "token")

    def drop(self, deployment: Deployment) -> None:
        self.asked.append(f"drop {deployment.id}")


def prepared(environ: dict[str, str] | None = None, *, stream: bool = False, **fields: Any) -> HttpCall:
    known: dict[str, Any] = {"provider": "bedrock", "model": MODEL, "api_key": None}
    of = deployment(**known | fields)
    return Bedrock(environ or {}, Known()).prepare(provider_call(BODY, stream=stream), of)[0]


PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"


@pytest.mark.parametrize(
    ("fields", "environ", "base"),
    [
        ({}, {}, "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ({}, {"AWS_REGION": "eu-west-1"}, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ({"region": "ap-south-1"}, {"AWS_REGION": "x"}, "https://bedrock-runtime.ap-south-1.amazonaws.com"),
        ({"sign_in": {"aws_region_name": "cn-north-1"}}, {}, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ({"model": f"us-east-2/{MODEL}"}, {}, "https://bedrock-runtime.us-east-2.amazonaws.com"),
        ({"model": f"converse/{MODEL}", "api_base": "http://vpc/"}, {}, "http://vpc"),
        ({"sign_in": {"aws_bedrock_runtime_endpoint": "http://own"}, "api_base": "http://vpc"}, {}, "http://own"),
        ({}, {"AWS_BEDROCK_RUNTIME_ENDPOINT": "http://env"}, "http://env"),
    ],
)
def test_bedrock_is_called_at_the_regions_address(fields: dict[str, Any], environ: dict[str, str], base: str) -> None:
    assert prepared(environ, **fields).url == f"{base}{PATH}/converse"
    assert prepared(environ, stream=True, **fields).url == f"{base}{PATH}/converse-stream"


def test_the_arn_of_a_profile_is_one_part_of_the_path_and_tells_the_region() -> None:
    arn = "arn:aws:bedrock:eu-west-3:123456789012:application-inference-profile/abc"
    call = prepared(model=arn, priced_as="anthropic.claude-3-haiku-20240307-v1:0")
    assert call.url.startswith("https://bedrock-runtime.eu-west-3.amazonaws.com/model/arn%3Aaws%3Abedrock%3A")
    assert call.url.endswith("%2Fabc/converse")


def test_a_call_is_signed_with_the_operators_headers_beside_it() -> None:
    call = prepared(api_base="http://127.0.0.1:81", extra_headers={"X-Team": "a"})
    headers = {**call.headers, "host": "127.0.0.1:81"}
    request = Received("POST", call.url.removeprefix("http://127.0.0.1:81"), "", headers, call.body, 1)
    signer: dict[str, Any] = {"key": "AKIA", "secret": "secret", "token": "token", "service": "bedrock"}
    assert why_refused(request, **signer, region="us-west-2") is None
    assert call.headers["x-team"] == "a"
    changed = request._replace(raw=request.raw + b" ")
    assert why_refused(changed, **signer) == "the signature does not match"


def test_a_bearer_token_needs_no_signature() -> None:
    environ = {"AWS_BEARER_TOKEN_BEDROCK": "env"}
    assert prepared(api_key="own").headers == {"content-type": "application/json", "authorization": "Bearer own"}
    assert prepared(environ).headers["authorization"] == "Bearer env"
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x"}
    assert prepared(environ, sign_in=keys).headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert prepared(environ, sign_in={"aws_region_name": "us-east-1"}).headers["authorization"] == "Bearer env"


async def test_only_who_signs_signs_in_and_a_refused_credential_is_dropped() -> None:
    identity = Known()
    provider = Bedrock({}, identity)
    signed = deployment("signed", provider="bedrock", model=MODEL, api_key=None)
    bearer = deployment("bearer", provider="bedrock", model=MODEL, api_key="x")
    for of in (signed, bearer):
        await provider.sign_in(of)
        provider.sign_out(of)
    assert identity.asked == ["signed", "drop signed"]


def test_a_reference_to_an_unset_variable_names_it() -> None:
    with pytest.raises(CredentialMissing, match="MY_KEY"):
        prepared(api_key=MissingVariable("MY_KEY"))
    with pytest.raises(CredentialMissing, match="MY_REGION"):
        prepared(sign_in={"aws_region_name": MissingVariable("MY_REGION")})


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        f"converse/{MODEL}",
        f"invoke/us-east-1/{MODEL}",
        f"arn:aws:bedrock:us-east-1:1:inference-profile/{MODEL}",
        "converse/amazon.nova-pro-v1:0",
    ],
)
def test_a_models_price_is_found_whatever_stands_in_front_of_its_name(model: str) -> None:
    from datetime import UTC, datetime

    row = catalogue_row("bedrock", model, datetime(2026, 11, 1, tzinfo=UTC))
    assert row is not None
    assert row.id == (catalogue_row("bedrock", model.rpartition("/")[2], datetime(2026, 11, 1, tzinfo=UTC)) or row).id
