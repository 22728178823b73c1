"""A client of Anthropic's API in front of Anthropic: its bytes go through, but for the model and the maximum.

Source: https://platform.claude.com/docs/en/api/messages
"""

from typing import Any

import msgspec

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import ProviderCall
from services.router.providers.openai.body import OURS, refuse_credentials, without_thoughts
from shared.serving.deployments import Deployment

_DEFAULTS = ("max_tokens", "temperature", "top_k", "top_p", "thinking", "service_tier")
"""The call parameters of a deployment that have the same name and form here."""

_CLIENT_HEADERS = ("anthropic-version", "anthropic-beta")

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def outgoing_message(call: ProviderCall, deployment: Deployment) -> bytes:
    """Return the body: the client's fields as they came, those that speak to the gateway left out.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    fields = message_fields(call, deployment)
    fields["model"] = deployment.model
    return _encode(fields | dict(deployment.extra_body))


def message_fields(call: ProviderCall, deployment: Deployment) -> dict[str, Any]:
    """Return the fields to send with whatever model the client named, most of them raw JSON.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    fields, metadata = _own_fields(call, deployment)
    if isinstance(metadata, dict) and "user_id" in metadata:
        fields["metadata"] = {"user_id": metadata["user_id"]}  # it refuses all others: those are for the gateway
    for name in _DEFAULTS:
        if name in deployment.defaults:
            fields.setdefault(name, deployment.defaults[name])
    if call.max_tokens is not None:
        own = _decode_any(fields["max_tokens"]) if isinstance(fields.get("max_tokens"), msgspec.Raw) else None
        fields["max_tokens"] = min(own, call.max_tokens) if isinstance(own, int) else call.max_tokens
    return fields


def outgoing_count(call: ProviderCall, deployment: Deployment) -> bytes:
    """Return the body for count_tokens, which takes nothing that is about the answer.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    return _encode({**count_fields(call, deployment), "model": deployment.model})


def count_fields(call: ProviderCall, deployment: Deployment) -> dict[str, Any]:
    """Return the fields to count, as they came.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    return _own_fields(call, deployment)[0]


def _own_fields(call: ProviderCall, deployment: Deployment) -> tuple[dict[str, Any], Any]:
    """Return the fields that are not for the gateway, as they came, and the metadata, which is for both."""
    try:
        fields: dict[str, Any] = _decode(without_thoughts(call.body))
        metadata = _decode_any(fields["metadata"]) if "metadata" in fields else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidField("request_body", f"is not a JSON object: {error}") from error
    refuse_credentials(fields.keys())
    for name in (*(fields.keys() & OURS), *deployment.drop_always):
        fields.pop(name, None)
    return fields, metadata


def with_client_headers(headers: dict[str, str], call: ProviderCall) -> dict[str, str]:
    """Return the deployment's headers with the client's version, and both their betas."""
    own = {name: value for name, value in call.client_headers if name in _CLIENT_HEADERS}
    if not own:
        return headers
    betas = [value for value in (headers.get("anthropic-beta"), own.get("anthropic-beta")) if value]
    return {**headers, **own, **({"anthropic-beta": ",".join(betas)} if betas else {})}
