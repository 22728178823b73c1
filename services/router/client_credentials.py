"""A request that brings its own credential, where the deployment lets clients do so.

The gateway's own key goes to the address that is configured, and to none that a client names freely.
"""

import re
from dataclasses import replace

import msgspec

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import ProviderCall
from shared.serving.deployments import Deployment

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def brings_credentials(call: ProviderCall) -> bool:
    """Return whether to look: a body that has the words may still have them elsewhere."""
    return b'"api_key"' in call.body or b'"api_base"' in call.body


def with_clients_own(
    call: ProviderCall, deployment: Deployment, *, signs_in: bool = False
) -> tuple[ProviderCall, Deployment]:
    """Return the call without the client's credentials, and the deployment with them; both as they were without any.

    `signs_in`: the provider is called with a token that the gateway gets, whatever key there is.

    Raises:
        InvalidField: the body has one that the deployment does not take, or an address without a key.
    """
    try:
        fields = _decode(call.body)
    except (msgspec.DecodeError, RecursionError):
        return call, deployment  # the adapter says what is wrong with it
    given = {name: _text(fields.pop(name), name) for name in ("api_key", "api_base") if name in fields}
    if not given:
        return call, deployment
    allowed = deployment.client_sets
    base = given.get("api_base")
    if base is not None:
        if "api_base" not in allowed:
            raise _not_taken("api_base", deployment)
        pattern = allowed["api_base"]
        if pattern is not None and not re.fullmatch(pattern, base):
            raise InvalidField("api_base", f"must fit {pattern}, which the model's deployment demands.")
        if pattern is None and signs_in:
            raise InvalidField(
                "api_base",
                "is taken for this model only where the operator has given a pattern: the gateway signs in at its "
                "provider, and its token goes nowhere else.",
            )
        if pattern is None and not given.get("api_key"):
            raise InvalidField(
                "api_base", "needs an api_key beside it: the gateway sends its own only to its own address."
            )
    if "api_key" in given and not allowed.keys() & {"api_key", "api_base"}:
        raise _not_taken("api_key", deployment)
    own = replace(deployment, of_client=True, api_key=given.get("api_key", deployment.api_key))
    if base is not None:
        own = replace(own, api_base=base)
        if allowed["api_base"] is None:  # the operator's headers can hold secrets too
            own = replace(own, extra_headers={}, organization=None, sign_in={})
    return msgspec.structs.replace(call, body=_encode(fields)), own


def _text(raw: msgspec.Raw, name: str) -> str:
    value = msgspec.json.decode(raw)
    if not isinstance(value, str) or not value:
        raise InvalidField(name, "must be a text.")
    return value


def _not_taken(name: str, deployment: Deployment) -> InvalidField:
    taken = ", ".join(deployment.client_sets)
    return InvalidField(name, f"is not taken from requests for this model; its deployment takes {taken}.")
