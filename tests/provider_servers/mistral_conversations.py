"""Mistral's conversations and agents. Sources: https://docs.mistral.ai/studio-api/agents/agents-api,
https://docs.mistral.ai/api/endpoint/beta/conversations, https://docs.mistral.ai/studio-api/agents/agent-tools/websearch
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

CREATED = "2026-05-27T12:59:35.457474Z"
FIELDS = {
    "": {"inputs", "stream", "store", "handoff_execution", "instructions", "tools", "completion_args", "name"}
    | {"description", "metadata", "agent_id", "agent_version", "model", "guardrails"},
    "append": {"inputs", "stream", "store", "handoff_execution", "completion_args", "tool_confirmations"},
    "restart": {"inputs", "stream", "store", "handoff_execution", "completion_args", "from_entry_id", "agent_version"}
    | {"metadata", "guardrails"},
}
PROMPT, WRITTEN, FOUND = 188, 55, 7112


class MistralConversations(HttpServer):
    """Remembers the tools of each, and runs each of them once a turn. No turn but the first names a model or tools."""

    def __init__(self, *, key: str = "mistral-provider") -> None:
        super().__init__()
        self.key = key
        self._tools: dict[str, list[str]] = {}  # by the id of a conversation or an agent

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {"detail": "Unauthorized"}
        if request.method != "POST":
            return None
        if request.path == "/v1/agents":
            return None if isinstance(request.body.get("model"), str) else (422, _missing("model"))
        found = re.fullmatch(r"/v1/conversations(?:/(?P<id>conv_\d+)(?P<restart>/restart)?)?", request.path)
        if found is None:
            return 404, {"detail": "Not Found"}
        if found["id"] and found["id"] not in self._tools:
            return 404, {"object": "error", "message": "No conversation found", "code": 3000}
        kind = "restart" if found["restart"] else "append" if found["id"] else ""
        extra = sorted(request.body.keys() - FIELDS[kind])
        if extra:
            return 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", extra[0]], "msg": "Extra inputs"}]}
        return None if "inputs" in request.body else (422, _missing("inputs"))

    def error(self, status: int) -> Any:
        return {"object": "error", "message": f"The server says {status}.", "code": status}

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.method != "POST":
            told = {"object": "conversation", "id": request.path.rpartition("/")[2], "model": "mistral-medium-2505"}
            return {**told, "created_at": CREATED, "updated_at": CREATED}
        body = request.body
        if request.path == "/v1/agents":
            agent_id = f"ag_{len(self.received)}"
            self._tools[agent_id] = [tool["type"] for tool in body.get("tools") or ()]
            told = {"object": "agent", "id": agent_id, "version": 0, "created_at": CREATED, "updated_at": CREATED}
            told |= {"versions": [0], "deployment_chat": False, "source": "api"}
            return {**told, "name": "a", "model": body["model"], "tools": body.get("tools") or []}
        conversation, tools = self._take_turn(request)
        ran = [
            {"object": "entry", "type": "tool.execution", "name": tool, "id": f"tool_{tool}", "arguments": "{}"}
            for tool in tools
        ]
        said = {"object": "entry", "type": "message.output", "role": "assistant", "content": behaviour.text}
        outputs = [*ran, {**said, "id": "msg_1", "model": "mistral-medium-2505"}]
        answer = {"object": "conversation.response", "conversation_id": conversation, "outputs": outputs}
        return {**answer, "usage": _usage(tools)}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        conversation, tools = self._take_turn(request)
        told: list[dict[str, Any]] = [{"type": "conversation.response.started", "conversation_id": conversation}]
        for at, tool in enumerate(tools):
            entry = {"output_index": at, "id": f"tool_{tool}", "name": tool}
            told += [{"type": "tool.execution.started", **entry, "arguments": "{}"}]
            told += [{"type": "tool.execution.done", **entry}]
        said = {"type": "message.output.delta", "output_index": len(tools), "id": "msg_1", "content_index": 0}
        said |= {"model": "mistral-medium-2505", "role": "assistant"}
        told += [{**said, "content": word} for word in re.findall(r" ?\S+", behaviour.text)]
        told += [{"type": "conversation.response.done", "usage": _usage(tools)}]
        return [b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in told]

    def streams(self, request: Received) -> bool:
        return request.method == "POST" and super().streams(request)

    def error_event(self) -> bytes:
        told = {"type": "conversation.response.error", "message": "The server had an error.", "code": 500}
        return b"event: conversation.response.error\ndata: " + orjson.dumps(told) + b"\n\n"

    def _take_turn(self, request: Received) -> tuple[str, list[str]]:
        body, parts = request.body, request.path.split("/")[3:]
        before = parts[0] if parts else body.get("agent_id") or ""
        tools = self._tools.get(before) or [tool["type"] for tool in body.get("tools") or ()]
        conversation = parts[0] if len(parts) == 1 else f"conv_{len(self.received)}"
        self._tools[conversation] = tools
        return conversation, tools


def _usage(tools: list[str]) -> dict[str, Any]:
    found = FOUND * len(tools)
    return {
        "prompt_tokens": PROMPT,
        "completion_tokens": WRITTEN,
        "total_tokens": PROMPT + WRITTEN + found,
        "connector_tokens": found or None,
        "connectors": dict.fromkeys(tools, 1) or None,
    }


def _missing(field: str) -> dict[str, Any]:
    return {"detail": [{"type": "missing", "loc": ["body", field], "msg": "Field required"}]}
