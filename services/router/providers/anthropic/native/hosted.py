"""Anthropic's clients in front of a cloud that hosts Claude: their bytes go through, the model goes into the path.

Sources: https://docs.claude.com/en/api/claude-on-vertex-ai, https://docs.claude.com/en/api/claude-on-amazon-bedrock,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.native.messages import count_fields, message_fields
from services.router.providers.base import ProviderCall
from shared.serving.deployments import Deployment

BETA = "anthropic-beta"
BEDROCK_BETAS = frozenset(
    {
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dev-full-thinking-2025-05-14",
        "effort-2025-11-24",
        "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19",
        "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29",
        "tool-search-tool-2025-10-19",
    }
)
"""What Bedrock documents; it refuses a request with any other, so that drop_params leaves those out."""

_NEWER = (b'"scope"', b'"eager_input_streaming"')
"""Where cache marks and tools of Anthropic's newest clients have fields that the clouds refuse as unknown."""

_encode = msgspec.json.Encoder().encode
_decode_any = msgspec.json.Decoder().decode
_decode = msgspec.json.Decoder(list[str]).decode


def vertex_message(call: ProviderCall, deployment: Deployment, *, version: str) -> bytes:
    """Return the body for rawPredict and streamRawPredict.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    return _encode(_hosted(call, deployment, version) | dict(deployment.extra_body))


def vertex_count(call: ProviderCall, deployment: Deployment, *, model: str, version: str) -> bytes:
    """Return the body for the model `count-tokens`, which wants the name of the one that is meant.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    fields = count_fields(call, deployment)
    if call.drop_params:
        _leave_out_newer(fields)
    return _encode({"anthropic_version": version, **fields, "model": model})


def bedrock_message(call: ProviderCall, deployment: Deployment, *, version: str) -> bytes:
    """Return the body for InvokeModel: whether it streams says the path, and betas stand in the body.

    Raises:
        InvalidField: it is not a JSON object, brings credentials, or its betas are no list of names.
    """
    fields = _hosted(call, deployment, version) | dict(deployment.extra_body)
    fields.pop("stream", None)
    betas = _betas_of(fields.pop("anthropic_beta", None))
    betas += [beta.strip() for name, value in call.client_headers if name == BETA for beta in value.split(",")]
    if call.drop_params:
        betas = [beta for beta in betas if beta in BEDROCK_BETAS]
    if betas:
        fields["anthropic_beta"] = list(dict.fromkeys(filter(None, betas)))
    return _encode(fields)


def with_betas(headers: dict[str, str], call: ProviderCall) -> dict[str, str]:
    """Return the deployment's headers with the client's betas after its own; the version stands in the body."""
    betas = [value for name, value in call.client_headers if name == BETA]
    if not betas:
        return headers
    return {**headers, BETA: ",".join([*([headers[BETA]] if headers.get(BETA) else []), *betas])}


def _hosted(call: ProviderCall, deployment: Deployment, version: str) -> dict[str, Any]:
    fields = message_fields(call, deployment)
    fields.pop("model", None)
    fields.setdefault("anthropic_version", version)
    if call.drop_params:
        _leave_out_newer(fields)
    return fields


def _leave_out_newer(fields: dict[str, Any]) -> None:
    """Take the scope out of cache marks, and eager_input_streaming out of tools; all else stays as it came."""
    for name in ("cache_control", "system", "messages", "tools"):
        raw = fields.get(name)
        if not isinstance(raw, msgspec.Raw) or not any(field in bytes(raw) for field in _NEWER):
            continue
        value = _decode_any(raw)
        if name == "cache_control":
            value = _mark(value)
        else:
            for block in _blocks(value):
                block.pop("eager_input_streaming", None)
                if "cache_control" in block:
                    block["cache_control"] = _mark(block["cache_control"])
        fields[name] = value


def _blocks(value: Any) -> Iterator[dict[str, Any]]:
    """Yield blocks of content, tools, and what stands in the content of either; not what a tool is called with."""
    for block in value if isinstance(value, list) else ():
        if isinstance(block, dict):
            yield block
            yield from _blocks(block.get("content"))


def _mark(mark: Any) -> Any:
    return {name: value for name, value in mark.items() if name != "scope"} if isinstance(mark, dict) else mark


def _betas_of(own: Any) -> list[str]:
    if own is None:
        return []
    try:
        return _decode(own) if isinstance(own, msgspec.Raw) else msgspec.convert(own, list[str])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidField("anthropic_beta", "must be a list of names.") from error
