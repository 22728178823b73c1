"""The name of an AWS error, as a header or the body tells it.

Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization
"""

from typing import Any

from services.router.providers.answers.headers import Header


def error_type_of(header: Header, answer: dict[str, Any] | None) -> str | None:
    """Return its name without the namespace and the address that may stand around it, as `ThrottlingException`."""
    answer = answer or {}
    for told in (header("x-amzn-errortype"), answer.get("__type"), answer.get("code")):
        if isinstance(told, str) and (name := told.partition(":")[0].rpartition("#")[2].strip()):
            return name
    return None
