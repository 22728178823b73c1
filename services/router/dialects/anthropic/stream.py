"""Chat chunks as the events of a message.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Sequence
from typing import Any

import orjson

from services.router.dialects.anthropic.citations import citation
from services.router.dialects.anthropic.response import stop_of, to_message, usage_shown
from services.router.dialects.calls_in_turn import CallsInTurn
from services.router.dialects.outlet import chunks_in
from services.router.providers.answers.annotations import cited_in
from shared.usage import Usage

_NOTHING = {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class MessageOutlet:
    """Implements dialects.outlet.Outlet. Blocks follow one another: one is closed when another kind of piece comes.

    Only one may be open: pieces of calls that come mixed wait for the call that began before them.
    """

    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, model: str, *, stop_sequences: Sequence[str] = ()) -> None:
        self._model = model
        self._stop_sequences = stop_sequences
        self._begun = False
        self._open = ""  # the kind of the block that is open: text, thinking, or the place of a tool's call
        self._index = -1
        self._turns = CallsInTurn()
        self._calls = False
        self._own_citations = False
        self._cited: set[tuple[str, str]] = set()  # by the block that is open
        self._end: dict[str, Any] = {}  # the choice that told how it ended

    def whole(self, completion: dict[str, Any], usage: Usage) -> bytes:
        return orjson.dumps(to_message(completion, usage, model=self._model, stop_sequences=self._stop_sequences))

    def feed(self, events: bytes) -> bytes:
        out: list[bytes] = []
        for chunk in chunks_in(events):
            self._begin(chunk.get("id"), out)
            for choice in chunk.get("choices") or ():
                if choice.get("index") in (0, None):
                    for delta in self._turns.feed(choice.get("delta") or {}):
                        self._delta(delta, out)
                    if choice.get("finish_reason"):
                        self._end = choice
        return b"".join(out)

    def closing(self, usage: Usage) -> bytes:
        out: list[bytes] = []
        self._begin("", out)
        for delta in self._turns.end():
            self._delta(delta, out)
        self._close(out)
        reason, sequence = stop_of(self._end, calls_tools=self._calls, stop_sequences=self._stop_sequences)
        end = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": sequence}}
        out += (_event({**end, "usage": usage_shown(usage)}), _event({"type": "message_stop"}))
        return b"".join(out)

    def _begin(self, answer_id: object, out: list[bytes]) -> None:
        if self._begun:
            return
        self._begun = True
        message = {
            "id": answer_id or "",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _NOTHING,
        }
        out += (_event({"type": "message_start", "message": message}), _PING)

    def _delta(self, delta: dict[str, Any], out: list[bytes]) -> None:
        thoughts = delta.get("thinking_blocks")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thoughts, list) and thoughts:
            for block in thoughts:
                self._thought(block, out)
        elif isinstance(thought, str) and thought:
            self._thinking({"type": "thinking_delta", "thinking": thought}, out)
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            self._block("text", {"type": "text", "text": ""}, out)
            self._piece({"type": "text_delta", "text": text}, out)
        self._cite(delta, out)
        for call in delta.get("tool_calls") or ():
            self._call(call, out)

    def _cite(self, delta: dict[str, Any], out: list[bytes]) -> None:
        """Citations belong to the block of text that is open. Anthropic's own say more than what chat makes of them."""
        own = (delta.get("provider_specific_fields") or {}).get("citation")
        if isinstance(own, dict) and "cited_text" in own:
            self._own_citations = True
            self._block("text", {"type": "text", "text": "", "citations": []}, out)
            self._piece({"type": "citations_delta", "citation": own}, out)
            return
        if self._own_citations or self._open != "text":
            return
        for cited in cited_in(delta.get("annotations"), 0):
            if (cited.url, cited.title) in self._cited:
                continue  # of another place in the block, whose text has gone
            self._cited.add((cited.url, cited.title))
            self._piece({"type": "citations_delta", "citation": citation(cited)}, out)

    def _thought(self, block: dict[str, Any], out: list[bytes]) -> None:
        if block.get("type") == "redacted_thinking":
            self._close(out)
            self._block("redacted", {"type": "redacted_thinking", "data": block.get("data") or ""}, out)
            self._close(out)
            return
        if block.get("thinking"):
            self._thinking({"type": "thinking_delta", "thinking": block["thinking"]}, out)
        if block.get("signature"):
            self._thinking({"type": "signature_delta", "signature": block["signature"]}, out)
            self._close(out)  # the signature is a thought's last piece

    def _thinking(self, piece: dict[str, Any], out: list[bytes]) -> None:
        self._block("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
        self._piece(piece, out)

    def _call(self, call: dict[str, Any], out: list[bytes]) -> None:
        function = call.get("function") or {}
        self._calls = True
        start = {"type": "tool_use", "id": call.get("id") or "", "name": function.get("name") or ""}
        self._block(f"tool {call['index']}", {**start, "input": {}}, out)
        arguments = function.get("arguments")
        if isinstance(arguments, str) and arguments:
            self._piece({"type": "input_json_delta", "partial_json": arguments}, out)

    def _block(self, kind: str, block: dict[str, Any], out: list[bytes]) -> None:
        if self._open == kind:
            return
        self._close(out)
        self._open = kind
        self._cited.clear()
        self._index += 1
        out.append(_event({"type": "content_block_start", "index": self._index, "content_block": block}))

    def _piece(self, delta: dict[str, Any], out: list[bytes]) -> None:
        out.append(_event({"type": "content_block_delta", "index": self._index, "delta": delta}))

    def _close(self, out: list[bytes]) -> None:
        if self._open:
            self._open = ""
            out.append(_event({"type": "content_block_stop", "index": self._index}))


def _event(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))
