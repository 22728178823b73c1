"""Gemini's generateContent and interactions at Google AI Studio.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thought-signatures,
https://cloud.google.com/apis/design/errors
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from tests.provider_servers import interactions
from tests.provider_servers.http_server import Behaviour, HttpServer, Received

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
SIGNATURE = "CiQBjz1rXw=="
_PATH = re.compile(r"/v1(?:beta)?/models/(?P<model>[\w.-]+):(?P<method>\w+)")
_FILES = re.compile(r"(?:/upload)?/v1(?:beta)?/files(?:/(?P<id>\w+))?")
_FIELDS = {
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "serviceTier",
}
_EMBED_FIELDS = {"model", "content", "taskType", "title", "outputDimensionality"}
VECTOR = [0.5, -0.25, 1.0]
PICTURE = "iVBORw0KGgo="


class GeminiServer(HttpServer):
    """Serves any model but `no-such-model`, to whoever has `key`. Versions from 3 on think and want signatures."""

    def __init__(self, *, key: str = "AIza-provider") -> None:
        super().__init__()
        self.key = key
        self.interactions = interactions.Interactions()
        self.files: dict[str, dict[str, Any]] = {}

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        refused = self.refusal_of_key(request)
        if refused is not None:
            return refused
        interaction = interactions.PATH.fullmatch(request.path)
        if interaction is not None:
            return self.interactions.refusal(request, interaction)
        file = _FILES.fullmatch(request.path)
        if file is not None:
            known = file["id"] in self.files if file["id"] else request.method == "POST"
            return None if known else (404, error_of(404, "File not found."))
        found = self.path.fullmatch(request.path)
        if found is None:
            return 404, error_of(404, "Requested entity was not found.")
        if found["model"] == "no-such-model":
            return 404, error_of(404, f"models/{found['model']} is not found for API version v1beta.")
        if found["method"] == "embedContent":
            unknown = request.body.keys() - _EMBED_FIELDS
            return (400, error_of(400, "Invalid JSON payload received.")) if unknown else None
        if found["method"] in ("batchEmbedContents", "predict"):
            return self.refusal_of_embedding(request.body, found["model"])
        if found["method"] == "countTokens":
            return self.refusal_of_count(request.body)
        if found["method"] not in ("generateContent", "streamGenerateContent"):
            return 404, error_of(404, "Requested entity was not found.")
        return self.refusal_of(request.body, found["model"])

    path = _PATH

    def refusal_of_key(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("x-goog-api-key") == self.key:
            return None
        refused = error_of(400, "API key not valid. Please pass a valid API key.")
        refused["error"]["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
        ]
        return 400, refused

    def refusal_of(self, body: dict[str, Any], model: str) -> tuple[int, Any] | None:
        for name in body.keys() - _FIELDS:
            return 400, error_of(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
        if not body.get("contents"):
            return 400, error_of(400, "* GenerateContentRequest.contents: contents is not specified")
        for turn in body["contents"]:
            if turn.get("role") not in ("user", "model"):
                return 400, error_of(400, "Please use a valid role: user, model.")
            calls = [part for part in turn["parts"] if "functionCall" in part]
            if calls and thinks(model) and "thoughtSignature" not in calls[0]:
                name = calls[0]["functionCall"]["name"]
                return 400, error_of(400, f"Function call `{name}` is missing a `thought_signature`.")
        return None

    def refusal_of_count(self, body: dict[str, Any]) -> tuple[int, Any] | None:
        fine = len(body) == 1 and body.keys() <= {"contents", "generateContentRequest"}
        return None if fine else (400, error_of(400, "Invalid JSON payload received."))

    def refusal_of_embedding(self, body: dict[str, Any], model: str) -> tuple[int, Any] | None:
        for asked in body["requests"]:
            if asked["model"] != f"models/{model}" or asked.keys() - _EMBED_FIELDS:
                return 400, error_of(400, "Invalid JSON payload received.")
        return None

    def error(self, status: int) -> Any:
        error = error_of(status, f"The server says {status}.")
        if status == 429:
            delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}
            error["error"]["details"] = [delay]
        return error

    async def before(self, request: Received, event: bytes) -> None:
        if interactions.PATH.fullmatch(request.path):
            await self.interactions.before(request, event)

    def streams(self, request: Received) -> bool:
        if interactions.PATH.fullmatch(request.path):
            return request.method == "POST" and bool(request.raw) and super().streams(request)
        return request.path.endswith(":streamGenerateContent")

    def stream_type_of(self, request: Received) -> str:
        array = request.path.endswith(":streamGenerateContent") and "alt=sse" not in request.query
        return "application/json; charset=UTF-8" if array else self.stream_type

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        interaction = interactions.PATH.fullmatch(request.path)
        if interaction is not None:
            return self.interactions.answer(request, interaction, behaviour)
        if (file := _FILES.fullmatch(request.path)) is not None:
            return self._file(request, file["id"])
        if request.path.endswith(":batchEmbedContents"):
            count = len(request.body["requests"])
            return {"embeddings": [{"values": VECTOR}] * count, "usageMetadata": {"promptTokenCount": 5 * count}}
        if request.path.endswith(":embedContent"):
            return {"embedding": {"values": VECTOR}, "usageMetadata": {"promptTokenCount": 5}}
        if request.path.endswith(":countTokens"):
            return {"totalTokens": 17}
        if "IMAGE" in (request.body.get("generationConfig") or {}).get("responseModalities", ()):
            return self._drawn(request, behaviour)
        parts = [*self._thoughts(request), {"text": behaviour.text}]
        if behaviour.tool_calls:
            parts = self._thoughts(request) + self._calls(request)
        return self._response(request, parts, behaviour.finish or "STOP", behaviour)

    def events(self, request: Received, behaviour: Behaviour) -> Iterable[bytes]:
        if interactions.PATH.fullmatch(request.path):
            return self.interactions.events(request, behaviour)
        texts = behaviour.text.split(" ")
        words = [{"text": word if not index else f" {word}"} for index, word in enumerate(texts)]
        parts = self._calls(request) if behaviour.tool_calls else words
        events = [self._response(request, [part], None, behaviour) for part in self._thoughts(request) + parts]
        events.append(self._response(request, [{"text": ""}], behaviour.finish or "STOP", behaviour))
        if "alt=sse" in request.query:
            return [b"data: " + orjson.dumps(event) + b"\r\n\r\n" for event in events]
        return [b"[" + orjson.dumps(events[0]), *[b",\r\n" + orjson.dumps(event) for event in events[1:]], b"]"]

    def _file(self, request: Received, file_id: str | None) -> dict[str, Any]:
        if file_id is None:
            made = f"f{len(self.files) + 1}kept"
            uri = f"https://generativelanguage.googleapis.com/v1beta/files/{made}"
            self.files[made] = {"name": f"files/{made}", "uri": uri, "mimeType": "text/plain", "state": "ACTIVE"}
            return {"file": self.files[made]}
        return {} if request.method == "DELETE" and self.files.pop(file_id) else self.files[file_id]

    def error_event(self) -> bytes:
        return b"data: " + orjson.dumps(error_of(503, "The model is overloaded.")) + b"\r\n\r\n"

    def _response(
        self, request: Received, parts: list[dict[str, Any]], finish: str | None, behaviour: Behaviour
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        response: dict[str, Any] = {"candidates": [candidate]}
        if not behaviour.no_usage:
            response["usageMetadata"] = behaviour.usage or self._usage(request)
        return {**response, "modelVersion": self._model(request), "responseId": f"resp-{len(self.received)}"}

    def _drawn(self, request: Received, behaviour: Behaviour) -> Any:
        if behaviour.finish:
            return {
                "candidates": [{"finishReason": behaviour.finish, "index": 0}],
                "usageMetadata": {"promptTokenCount": 6},
            }
        picture = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
        return self._response(request, [{"text": "Here."}, picture], "STOP", behaviour)

    def _thoughts(self, request: Received) -> list[dict[str, Any]]:
        thinking = (request.body.get("generationConfig") or {}).get("thinkingConfig") or {}
        wanted = thinking.get("includeThoughts") or thinking.get("include_thoughts")  # Google takes either spelling
        return [{"text": "Let me think.", "thought": True}] if wanted else []

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        """Return a call of every function; of parallel ones only the first has a signature."""
        declared = [
            function for tool in request.body.get("tools") or () for function in tool.get("functionDeclarations") or ()
        ]
        calls: list[dict[str, Any]] = [
            {"functionCall": {"name": function["name"], "args": {"city": "Oslo"}}} for function in declared
        ]
        if calls and thinks(self._model(request)):
            calls[0]["thoughtSignature"] = SIGNATURE
        return calls

    def _model(self, request: Received) -> str:
        found = self.path.fullmatch(request.path)
        assert found is not None
        return found["model"]

    def _usage(self, request: Received) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "promptTokenCount": 20,
            "cachedContentTokenCount": 8,
            "candidatesTokenCount": 6,
            "totalTokenCount": 26,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 6}],
        }
        if self._thoughts(request):
            usage |= {"thoughtsTokenCount": 4, "totalTokenCount": 30}
        return usage


def thinks(model: str) -> bool:
    return re.match(r"gemini-[3-9]", model) is not None


def error_of(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": STATUSES.get(status, "INTERNAL")}}
