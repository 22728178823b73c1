"""AWS Bedrock's Converse and ConverseStream; InvokeModel stands in bedrock_invoke.py.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and ..._ConverseStream.html
"""

import itertools
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from tests.provider_servers import aws_event_stream
from tests.provider_servers import bedrock_invoke as invoked
from tests.provider_servers import bedrock_media as media
from tests.provider_servers.aws_signature import why_refused
from tests.provider_servers.http_server import Behaviour, HttpServer, Received

EXCEPTIONS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_PATH = re.compile(r"/model/(?P<model>[^/]+)/(?P<method>converse|converse-stream|invoke|invoke-with-response-stream)")
_FIELDS = {
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "outputConfig",
    "performanceConfig",
    "requestMetadata",
    "serviceTier",
}
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"


class BedrockServer(HttpServer):
    """Serves any model but `no-such-model`, to whoever signs with the key, or bears the token."""

    stream_type = aws_event_stream.STREAM_TYPE

    def __init__(
        self,
        *,
        key: str = "AKIAPROVIDER",
        secret: str = "s3cr3t/+x",
        token: str | None = None,
        region: str = "us-west-2",
    ) -> None:
        super().__init__()
        self.key, self.secret, self.token, self.region = key, secret, token, region
        self.bearer = "bedrock-api-key-x"

    @property
    def sign_in(self) -> dict[str, str]:
        """The parameters of a deployment here."""
        given = {
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
            "aws_region_name": self.region,
            "aws_bedrock_runtime_endpoint": self.origin,
        }
        return given | ({"aws_session_token": self.token} if self.token else {})

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Bearer {self.bearer}":
            why = why_refused(
                request, key=self.key, secret=self.secret, token=self.token, service="bedrock", region=self.region
            )
            if why is not None:
                return 403, {"message": f"The security token included in the request is invalid: {why}."}
        if request.path == "/rerank":
            return media.rerank_refusal(request.body)
        found = self.path.fullmatch(request.path)
        if found is None:
            return 404, {"message": "Unknown operation"}
        if unquote(found["model"]) == "no-such-model":
            return 404, {"message": "Could not resolve the foundation model from the provided model identifier."}
        return self.refusal_of(request)

    path = _PATH

    def refusal_of(self, request: Received) -> tuple[int, Any] | None:
        body = request.body
        if "/invoke" in request.path:
            return invoked.refusal(_model(request), body)
        for name in body.keys() - _FIELDS:
            return 400, {"message": f"Malformed input request: #: extraneous key [{name}] is not permitted"}
        roles = [message["role"] for message in body["messages"]]
        if not roles or roles[0] != "user" or any(one == other for one, other in itertools.pairwise(roles)):
            return 400, {"message": "A conversation must alternate between user and assistant roles."}
        blocks = [block for message in body["messages"] for block in message["content"]]
        if any(not block.get("text", "x").strip() for block in blocks):
            return 400, {"message": "The text field in the ContentBlock object is blank."}
        if any("toolUse" in block for block in blocks) and "toolConfig" not in body:
            return 400, {"message": "The toolConfig field must be defined when using toolUse and toolResult blocks."}
        return None

    def error(self, status: int) -> Any:
        return {"message": f"The server says {status}."}

    def error_headers(self, status: int, error: Any) -> dict[str, str]:
        return {"x-amzn-errortype": f"{EXCEPTIONS.get(status, 'InternalServerException')}:http://internal.amazon.com/"}

    def answer_headers(self, request: Received, behaviour: Behaviour) -> dict[str, str]:
        return invoked.TOKEN_HEADERS if "/invoke" in request.path and not behaviour.no_usage else {}

    def streams(self, request: Received) -> bool:
        return request.path.endswith(("converse-stream", "invoke-with-response-stream"))

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path == "/rerank":
            return media.rerank_answer(request.body)
        if "/invoke" in request.path:
            return invoked.answer(_model(request), request, behaviour)
        content = self._thoughts(request)
        if behaviour.tool_calls:
            content += [{"toolUse": call} for call in self._calls(request)]
        else:
            content.append({"text": behaviour.text})
        return {
            "metrics": {"latencyMs": 551},
            "output": {"message": {"content": content, "role": "assistant"}},
            "stopReason": self._stop(behaviour),
            "usage": self._usage(behaviour),
        }

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        if "/invoke" in request.path:
            return invoked.events(_model(request), request, behaviour)
        events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
        place = 0
        for _ in self._thoughts(request):
            for content in ({"text": "Let me think."}, {"signature": SIGNATURE}):
                events.append(("contentBlockDelta", _delta(place, {"reasoningContent": content})))
            events.append(("contentBlockStop", {"contentBlockIndex": place}))
            place += 1
        for call in self._calls(request) if behaviour.tool_calls else ():
            start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            events.append(("contentBlockStart", {"contentBlockIndex": place, "start": start}))
            for piece in ('{"city":', '"Oslo"}'):
                events.append(("contentBlockDelta", _delta(place, {"toolUse": {"input": piece}})))
            events.append(("contentBlockStop", {"contentBlockIndex": place}))
            place += 1
        words = behaviour.text.split(" ") if not behaviour.tool_calls else []
        for index, word in enumerate(words):
            events.append(("contentBlockDelta", _delta(place, {"text": word if not index else f" {word}"})))
        if words:
            events.append(("contentBlockStop", {"contentBlockIndex": place}))
        events.append(("messageStop", {"stopReason": self._stop(behaviour)}))
        events.append(("metadata", {"metrics": {"latencyMs": 551}, "usage": self._usage(behaviour)}))
        return [
            aws_event_stream.event(kind, orjson.dumps({**body, "p": "abcdefghijk"[: 1 + index % 11]}))
            for index, (kind, body) in enumerate(events)  # `p`: the padding that hides a token's length
        ]

    def error_event(self) -> bytes:
        return aws_event_stream.exception("throttlingException", b'{"message":"Too many requests."}')

    def _thoughts(self, request: Received) -> list[dict[str, Any]]:
        thinking = (request.body.get("additionalModelRequestFields") or {}).get("thinking") or {}
        if thinking.get("type") not in ("enabled", "adaptive"):
            return []
        return [{"reasoningContent": {"reasoningText": {"text": "Let me think.", "signature": SIGNATURE}}}]

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        tools = [tool["toolSpec"] for tool in request.body["toolConfig"]["tools"] if "toolSpec" in tool]
        return [
            {"toolUseId": f"tooluse_{index}", "name": tool["name"], "input": {"city": "Oslo"}}
            for index, tool in enumerate(tools)
        ]

    def _stop(self, behaviour: Behaviour) -> str:
        return behaviour.finish or ("tool_use" if behaviour.tool_calls else "end_turn")

    def _usage(self, behaviour: Behaviour) -> dict[str, Any]:
        return behaviour.usage or {
            "inputTokens": 12,
            "outputTokens": 10,
            "totalTokens": 30,
            "cacheReadInputTokens": 8,
            "cacheWriteInputTokens": 0,
        }


def _model(request: Received) -> str:
    found = _PATH.fullmatch(request.path)
    assert found is not None
    return unquote(found["model"])


def _delta(place: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"contentBlockIndex": place, "delta": delta}
