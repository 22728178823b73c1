"""SageMaker's errors: its own, and those of the container, which it passes on in one of its own.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors
"""

import orjson

from services.router.providers.answers.failures import provider_failure, reported_failure
from services.router.providers.answers.headers import Header, no_header
from services.router.providers.aws.error_type import error_type_of
from shared.errors import GatewayError

_STATUS = {"InternalDependencyException": 503, "ModelNotReadyException": 429}
_MODEL_FAILED = 424


def failure_of(provider: str, status: int, body: bytes, header: Header = no_header) -> GatewayError:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        return provider_failure(provider, status, body)
    name = error_type_of(header, answer)
    original = answer.get("OriginalStatusCode")
    if status == _MODEL_FAILED and isinstance(original, int):
        said = str(answer.get("OriginalMessage") or answer.get("Message") or "no message")
        return reported_failure(provider, original, said, name or "ModelError")
    message = answer.get("Message") or answer.get("message")
    if not isinstance(message, str):
        return provider_failure(provider, status, body)
    return reported_failure(provider, _STATUS.get(name or "", status), message, name)
