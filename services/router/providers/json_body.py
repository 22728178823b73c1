"""The body of a request that is translated, decoded."""

from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField


def json_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a client sent.

    Raises:
        InvalidField: it is none, or cannot be translated: this is stricter than edge, with lone surrogates for one.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidField("request_body", f"is not JSON that can be translated: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidField("request_body", "must be a JSON object.")
    return fields
