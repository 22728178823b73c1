"""SageMaker's endpoints: `chat` speaks OpenAI's chat completions, `text` is Hugging Face's text generation server.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html,
https://huggingface.co/docs/text-generation-inference/reference/api_reference
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers import aws_event_stream
from tests.provider_servers.aws_signature import why_refused
from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

_PATH = re.compile(r"/endpoints/(?P<endpoint>chat|text)/invocations(?:-response-stream)?")


class SageMakerServer(OpenAIServer):
    stream_type = aws_event_stream.STREAM_TYPE

    def __init__(self) -> None:
        super().__init__()
        self.access_key, self.secret, self.region = "AKIASAGE", "sage-secret", "eu-west-1"

    @property
    def sign_in(self) -> dict[str, str]:
        """The parameters of a deployment here."""
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret}
        return {**keys, "aws_region_name": self.region, "api_base": self.origin}

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        signer: dict[str, Any] = {"key": self.access_key, "secret": self.secret, "token": None}
        why = why_refused(request, **signer, service="sagemaker", region=self.region)
        if why is not None:
            return 403, {"message": f"The security token included in the request is invalid: {why}."}
        found = _PATH.fullmatch(request.path)
        if found is None:
            return 400, {"message": "Endpoint of account 1 not found."}
        if found["endpoint"] == "chat":
            return self.refusal_of(request.body)
        fine = isinstance(request.body.get("inputs"), str) and request.body.keys() <= {"inputs", "parameters", "stream"}
        return None if fine else (422, {"error": "Failed to deserialize the JSON body", "error_type": "validation"})

    def streams(self, request: Received) -> bool:
        return request.path.endswith("-response-stream")

    def error(self, status: int) -> Any:
        return {"message": f"The server says {status}."}

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if "/text/" in request.path:
            details = {"finish_reason": behaviour.finish or "eos_token", "generated_tokens": 10}
            return [{"generated_text": behaviour.text, "details": details}]
        return super().answer(request, behaviour)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        """The container's stream, cut where it pleases: events of AWS need not be events of the container."""
        if "/text/" in request.path:
            container = b"".join(_tokens(behaviour))
        else:
            container = b"".join(super().events(request, behaviour))
        pieces = [container[start : start + 70] for start in range(0, len(container), 70)]
        headers = {
            ":event-type": "PayloadPart",
            ":content-type": "application/octet-stream",
            ":message-type": "event",
        }
        return [aws_event_stream.message(headers, piece) for piece in pieces]

    def error_event(self) -> bytes:
        return aws_event_stream.exception("ModelStreamError", b'{"Message":"The container died.","ErrorCode":"x"}')


def _tokens(behaviour: Behaviour) -> list[bytes]:
    words = behaviour.text.split(" ")
    tokens: list[dict[str, Any]] = [
        {"index": index, "token": {"id": index, "text": word if not index else f" {word}", "special": False}}
        for index, word in enumerate(words)
    ]
    details = {"finish_reason": behaviour.finish or "eos_token", "generated_tokens": len(words) + 1}
    last = {"token": {"id": 2, "text": "</s>", "special": True}, "generated_text": behaviour.text, "details": details}
    return [
        b"data:" + orjson.dumps({"generated_text": None, "details": None, **each}) + b"\n\n" for each in [*tokens, last]
    ]
