"""What Converse has in its body and InvokeModel in its headers: guardrail, latency, tier, labels.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from typing import Any

import msgspec
import orjson

from services.router.providers.answers.rejection import InvalidField

_FIELDS = ("guardrailConfig", "performanceConfig", "serviceTier", "requestMetadata", "projectIdentifier")
_QUOTED = tuple(f'"{name}"'.encode() for name in _FIELDS)
_PREFIX = "x-amzn-bedrock-"

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def beside_body(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the body without such fields, and the headers that say the same. `body` is a JSON object.

    Raises:
        InvalidField: one is not as Converse has it.
    """
    if not any(name in body for name in _QUOTED):
        return body, {}
    fields = _decode(body)
    headers: dict[str, str] = {}
    for name in fields.keys() & set(_FIELDS):
        headers |= _headers_of(name, msgspec.json.decode(fields.pop(name)))
    return (_encode(fields), headers) if headers else (body, {})


def _headers_of(name: str, value: Any) -> dict[str, str]:
    if name == "projectIdentifier":
        return {_PREFIX + "projectidentifier": str(value)}
    if not isinstance(value, dict):
        raise InvalidField(name, "must be an object.")
    if name == "requestMetadata":
        return {_PREFIX + "request-metadata": orjson.dumps(value).decode()}
    if name == "performanceConfig":
        return {_PREFIX + "performanceconfig-latency": str(value.get("latency", "standard"))}
    if name == "serviceTier":
        return {_PREFIX + "service-tier": str(value.get("type", "default"))}
    identifier, version = value.get("guardrailIdentifier"), value.get("guardrailVersion")
    if not isinstance(identifier, str) or not identifier or not version:
        raise InvalidField(name, "must have a guardrailIdentifier and a guardrailVersion.")
    trace = {_PREFIX + "trace": str(value["trace"]).upper()} if value.get("trace") else {}
    return {_PREFIX + "guardrailidentifier": identifier, _PREFIX + "guardrailversion": str(version), **trace}
