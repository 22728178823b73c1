"""The decoded body of a call that is not a chat, for providers that want it in another form."""

from collections.abc import Collection
from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body
from services.router.providers.openai.body import OURS, refuse_credentials
from shared.serving.deployments import Deployment


def json_call(call: ProviderCall, deployment: Deployment, *, defaults: Collection[str] = ()) -> dict[str, Any]:
    """Return the client's fields without those that speak to the gateway; `defaults` name the deployment's that hold.

    Raises:
        InvalidField: it is not JSON that can be translated, or brings credentials.
    """
    fields = json_body(call.body)
    refuse_credentials(fields.keys())
    own = {name: value for name, value in deployment.defaults.items() if name in defaults}
    body = {**own, **{name: value for name, value in fields.items() if name not in OURS and value is not None}}
    for name in deployment.drop_always:
        body.pop(name, None)
    return body


def texts_of(body: dict[str, Any], name: str) -> list[str]:
    """Return a text or a list of texts, as `input` of embeddings is.

    Raises:
        InvalidField: it is something else, as the tokens that OpenAI takes too.
    """
    given = body.get(name)
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidField(name, "must be a string or a list of strings: the provider takes no tokens.")
    return texts


def whole_number(body: dict[str, Any], name: str) -> int | None:
    """Raises: InvalidField."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidField(name, "must be a whole number from 1 on.")
    return value


def refuse_others(body: dict[str, Any], known: Collection[str], *, drop_params: bool, provider: str) -> None:
    """Raise UnsupportedParameter for fields that are not `known`, unless they may be dropped; `user` is only a hint."""
    others = [name for name in body if name not in known and name not in ("model", "user")]
    if others and not drop_params:
        raise UnsupportedParameter(others, provider=provider)
