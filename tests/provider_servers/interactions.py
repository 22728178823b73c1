"""Gemini's Interactions API, which keeps what was said and can work in the background.

Sources: https://ai.google.dev/api/interactions-api, https://ai.google.dev/gemini-api/docs/interactions
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, Received

PATH = re.compile(
    r"(?:/v1(?:beta\d?)?)(?:/projects/[\w-]+/locations/[\w-]+)?/interactions(?:/(?P<id>\w+)(?P<cancel>/cancel)?)?"
)
_FIELDS = {
    *("model", "agent", "input", "stream", "background", "store", "previous_interaction_id", "system_instruction"),
    *("tools", "generation_config", "response_format", "response_modalities", "service_tier", "agent_config"),
}
INPUT_TOKENS = 20
DONE = b"event: done\ndata: [DONE]\n\n"


class Interactions:
    """What one account has. A background one is at work until it is cancelled."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self._cancelled: dict[str, asyncio.Event] = {}

    def refusal(self, request: Received, found: re.Match[str]) -> tuple[int, Any] | None:
        interaction_id = found["id"]
        if interaction_id is not None:
            known = self.kept.get(interaction_id)
            if known is None:
                return 404, _error("not_found", f"Interaction {interaction_id} was not found.")
            if found["cancel"] and known["status"] != "in_progress":
                return 400, _error("failed_precondition", "Only an interaction that is in progress can be cancelled.")
            return None
        if request.method != "POST":
            return 404, _error("not_found", "Not found.")
        body = request.body
        for name in body.keys() - _FIELDS:
            return 400, _error("invalid_request", f"Unknown parameter '{name}'.")
        if ("model" in body) is ("agent" in body):
            return 400, _error("invalid_request", "Either 'model' or 'agent' must be set.")
        before = body.get("previous_interaction_id")
        if before is not None and before not in self.kept:
            return 400, _error("invalid_request", f"Previous interaction {before} was not found.")
        return None

    def answer(self, request: Received, found: re.Match[str], behaviour: Behaviour) -> dict[str, Any]:
        interaction_id = found["id"]
        if interaction_id is None:
            made = self._made(request, behaviour)
            return made if made["status"] == "in_progress" else {**made, "usage": usage_of(behaviour.text)}
        if request.method == "DELETE":
            del self.kept[interaction_id]
            return {}
        if found["cancel"]:
            self._cancelled[interaction_id].set()
            self.kept[interaction_id]["status"] = "cancelled"
        return self.kept[interaction_id]

    def events(self, request: Received, behaviour: Behaviour) -> Iterable[bytes]:
        made = self._made(request, behaviour)
        resource = {name: made[name] for name in ("id", "model", "object")}
        yield _event("interaction.created", interaction={**resource, "status": "in_progress"})
        yield _event("interaction.status_update", interaction_id=made["id"], status="in_progress")
        yield _event("step.start", index=0, step={"type": "model_output"})
        for number, word in enumerate(behaviour.text.split(" ")):
            delta = {"type": "text", "text": f" {word}" if number else word}
            yield _event("step.delta", index=0, delta=delta)
        if self.kept[made["id"]]["status"] != "cancelled":
            self.kept[made["id"]]["status"] = "completed"
        yield _event("step.stop", index=0)
        ended = {**resource, "status": self.kept[made["id"]]["status"], "usage": usage_of(behaviour.text)}
        yield _event("interaction.completed", interaction=ended)
        yield DONE

    async def before(self, request: Received, event: bytes) -> None:
        """Let a background one say nothing until it is cancelled."""
        if b'"step.delta"' in event and request.body.get("background"):
            *_, newest = self._cancelled.values()
            await newest.wait()

    def _made(self, request: Received, behaviour: Behaviour) -> dict[str, Any]:
        body = request.body
        interaction_id = f"v1_{len(self._cancelled) + 1}"
        said = {"type": "model_output", "content": [{"type": "text", "text": behaviour.text}]}
        waits = bool(body.get("background"))
        made: dict[str, Any] = {"id": interaction_id, "object": "interaction", "model": body.get("model", "")}
        made |= {"status": "in_progress" if waits else "completed", "steps": [] if waits else [said]}
        if "previous_interaction_id" in body:
            made["previous_interaction_id"] = body["previous_interaction_id"]
        self._cancelled[interaction_id] = asyncio.Event()
        self.kept[interaction_id] = made
        return made


def usage_of(text: str) -> dict[str, Any]:
    wrote = len(text.split(" "))
    return {
        "total_input_tokens": INPUT_TOKENS,
        "input_tokens_by_modality": [{"modality": "text", "tokens": INPUT_TOKENS}],
        "total_cached_tokens": 0,
        "total_output_tokens": wrote,
        "output_tokens_by_modality": [{"modality": "text", "tokens": wrote}],
        "total_tool_use_tokens": 0,
        "total_thought_tokens": 3,
        "total_tokens": INPUT_TOKENS + wrote + 3,
    }


def _event(kind: str, **fields: Any) -> bytes:
    told = {"event_type": kind, "event_id": f"evt_{kind}", **fields}
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps(told) + b"\n\n"


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
