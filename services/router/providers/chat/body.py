"""A chat request as a translator gets it: the client's fields over the deployment's, with the admitted maximum."""

from collections.abc import Collection
from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, OURS, refuse_credentials
from shared.serving.deployments import Deployment


def chat_body(call: ProviderCall, deployment: Deployment, *, keep: Collection[str] = ()) -> dict[str, Any]:
    """Return the call's body, decoded. Fields that speak to the gateway are left out, but for those in `keep`.

    Raises:
        InvalidField: it is not JSON that can be translated, or brings credentials.
    """
    fields = json_body(call.body)
    refuse_credentials(fields.keys())
    body = {name: value for name, value in fields.items() if name not in OURS or name in keep}
    defaults = deployment.defaults
    if call.max_tokens_field:
        defaults = {name: value for name, value in defaults.items() if name not in MAX_TOKENS_FIELDS}
    body = {**defaults, **body}
    for name in deployment.drop_always:
        body.pop(name, None)
    if call.max_tokens is not None:
        own = [body.pop(name, None) for name in MAX_TOKENS_FIELDS]
        body["max_tokens"] = min([call.max_tokens, *(limit for limit in own if isinstance(limit, int))])
    return body


def max_tokens_of(body: dict[str, Any]) -> int | None:
    """Return the maximum that the body sets, under either of OpenAI's names.

    Raises:
        InvalidField: it is no whole number.
    """
    for name in reversed(MAX_TOKENS_FIELDS):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
            raise InvalidField(name, "must be a whole number of tokens.")
        return int(value)
    return None


def number_in(body: dict[str, Any], name: str) -> float | None:
    """Return a number of the body, None where it is not set.

    Raises:
        InvalidField: it is something else.
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(name, "must be a number.")
    return value


def texts_in(body: dict[str, Any], name: str) -> list[str]:
    """Return a field that is a text or a list of texts, as `stop` is.

    Raises:
        InvalidField: it is something else.
    """
    given = body.get(name)
    if given is None:
        return []
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list):
        raise InvalidField(name, "must be a string or a list of strings.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidField(f"{name}[{index}]", "must be a string.")
    return texts
