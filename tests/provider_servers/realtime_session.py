"""One session of OpenAI's Realtime API, as its server has it.

Sources: https://platform.openai.com/docs/api-reference/realtime-client-events,
https://platform.openai.com/docs/api-reference/realtime-server-events

It hears speech in every sound that is not all zeros, and the end of a turn in the first that is.
"""

import asyncio
import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection

from tests.provider_servers.realtime_preview import in_first_form, in_present_form, unknown_in

if TYPE_CHECKING:
    from tests.provider_servers.realtime import RealtimeServer

PCM_BYTES_PER_MS = 48
COMMIT_MS_MIN = 100
WORD_AUDIO = base64.b64encode(bytes(50 * PCM_BYTES_PER_MS)).decode()
"""50 milliseconds of sound: one token."""


class RealtimeSession:
    def __init__(self, server: "RealtimeServer", connection: ServerConnection, model: str, *, first_form: bool) -> None:
        """`first_form`: in the names of the API's preview."""
        self._server = server
        self._connection = connection
        self._ids = itertools.count(1)
        self._read_tokens = 10  # what the conversation comes to
        self._bytes = 0
        self._all_ms = 0
        self._speech_from: int | None = None
        self._active: asyncio.Task[None] | None = None
        self._cancel = asyncio.Event()
        self._first_form = first_form
        detection = {
            **{"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200},
            **{"create_response": True, "interrupt_response": True, "idle_timeout_ms": None},
        }
        self._session = {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_1",
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "You are a helpful voice.",
            "tools": [],
            "max_output_tokens": "inf",
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": detection},
                "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
            },
        }

    async def run(self) -> None:
        await self._say("session.created", session=self._session)
        async for message in self._connection:
            await self._server.hears.wait()
            event = json.loads(message)
            self._server.received.append(event)
            if self._first_form:
                unknown = unknown_in(event)
                if unknown:
                    await self._error(event, f"Unknown parameter: '{unknown}'.")
                    continue
                event = in_present_form(event)
            handler = getattr(self, "_on_" + event["type"].replace(".", "_"), None)
            if handler is None:
                await self._error(event, f"Invalid value: '{event['type']}'.")
            else:
                await handler(event)

    async def _on_session_update(self, event: dict[str, Any]) -> None:
        given = event["session"]
        heard = (given.get("audio") or {}).get("input") or {}
        audio = self._session["audio"]
        assert isinstance(audio, dict)
        self._session = {**self._session, **given, "audio": {**audio, "input": {**audio["input"], **heard}}}
        await self._say("session.updated", session=self._session)

    async def _on_conversation_item_create(self, event: dict[str, Any]) -> None:
        item = {**event["item"], "id": f"item_{next(self._ids)}", "object": "realtime.item", "status": "completed"}
        self._read_tokens += len(json.dumps(item)) // 8
        await self._say("conversation.item.added", previous_item_id=None, item=item)
        await self._say("conversation.item.done", previous_item_id=None, item=item)

    async def _on_input_audio_buffer_append(self, event: dict[str, Any]) -> None:
        sound = base64.b64decode(event["audio"])
        began = self._all_ms
        self._all_ms += len(sound) // PCM_BYTES_PER_MS
        self._bytes += len(sound)
        if self._detection is None:
            return
        if sound.strip(b"\0") and self._speech_from is None:
            self._speech_from = began
            await self._say("input_audio_buffer.speech_started", audio_start_ms=began, item_id="item_s")
        elif not sound.strip(b"\0") and self._speech_from is not None:
            await self._say("input_audio_buffer.speech_stopped", audio_end_ms=began, item_id="item_s")
            heard_ms, self._speech_from = began - self._speech_from, None
            self._read_tokens += heard_ms // 100
            await self._committed(heard_ms)
            if self._detection.get("create_response") or self._server.stubborn:
                await self._on_response_create({"response": {}})

    async def _on_input_audio_buffer_commit(self, event: dict[str, Any]) -> None:
        if self._bytes < COMMIT_MS_MIN * PCM_BYTES_PER_MS:
            message = "Error committing input audio buffer: buffer too small."
            await self._error(event, message, code="input_audio_buffer_commit_empty")
            return
        self._read_tokens += self._bytes // PCM_BYTES_PER_MS // 100
        await self._committed(self._bytes // PCM_BYTES_PER_MS)

    async def _committed(self, heard_ms: int) -> None:
        self._bytes = 0
        item = f"item_{next(self._ids)}"
        await self._say("input_audio_buffer.committed", previous_item_id=None, item_id=item)
        audio = self._session["audio"]
        assert isinstance(audio, dict)
        transcription = audio["input"].get("transcription")
        if transcription is not None and transcription["model"] == "whisper-1":
            usage = {"type": "duration", "seconds": -(-heard_ms // 1_000)}
            place = {"item_id": item, "content_index": 0, "transcript": "word"}
            await self._say("conversation.item.input_audio_transcription.completed", **place, usage=usage)

    async def _on_response_create(self, event: dict[str, Any]) -> None:
        if self._active is not None and not self._active.done():
            await self._error(event, "Conversation already has an active response in progress.")
            return
        terms = event.get("response") or {}
        maximum = terms.get("max_output_tokens", self._session["max_output_tokens"])
        if maximum != "inf" and not 1 <= maximum <= 4_096:
            await self._error(event, "Invalid 'max_output_tokens': it must be between 1 and 4096, or 'inf'.")
            return
        self._cancel.clear()
        self._active = asyncio.get_running_loop().create_task(self._respond(terms, maximum))

    async def _on_response_cancel(self, event: dict[str, Any]) -> None:
        if self._active is None or self._active.done():
            await self._error(event, "Cancellation failed: no active response found.")
        self._cancel.set()

    async def _respond(self, terms: dict[str, Any], maximum: int | str) -> None:
        made = f"resp_{next(self._ids)}"
        modalities = terms.get("output_modalities") or self._session["output_modalities"]
        response = {
            **{"object": "realtime.response", "id": made, "status": "in_progress", "status_details": None},
            **{"output": [], "conversation_id": "conv_1", "output_modalities": modalities, "usage": None},
        }
        await self._say("response.created", response=response)
        words = self._server.words if maximum == "inf" else min(self._server.words, int(maximum))
        place = {"response_id": made, "item_id": "item_a", "output_index": 0, "content_index": 0}
        said = 0
        for _ in range(words):
            if self._cancel.is_set():
                break
            if modalities == ["text"]:
                await self._say("response.output_text.delta", **place, delta="word ")
            else:
                await self._say("response.output_audio.delta", **place, delta=WORD_AUDIO)
            said += 1
        if self._server.holds:
            await self._cancel.wait()
        status = "cancelled" if self._cancel.is_set() else "completed"
        if said < self._server.words and status == "completed":
            status = "incomplete"
        read = self._read_tokens
        self._read_tokens += said
        response |= {"status": status, "status_details": {"type": status, "reason": "max_output_tokens"}}
        if self._server.says_usage:
            response["usage"] = _usage(read, said, modalities == ["text"])
        await self._say("response.done", response=response)

    @property
    def _detection(self) -> dict[str, Any] | None:
        audio = self._session["audio"]
        assert isinstance(audio, dict)
        found: dict[str, Any] | None = audio["input"].get("turn_detection")
        return found

    async def _say(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._ids)}", **fields}
        shown = in_first_form(event) if self._first_form else event
        if shown is not None:
            await self._connection.send(json.dumps(shown))

    async def _error(self, event: dict[str, Any], message: str, *, code: str = "invalid_value") -> None:
        error = {
            **{"type": "invalid_request_error", "code": code, "message": message, "param": None},
            "event_id": event.get("event_id"),
        }
        await self._say("error", error=error)


def _usage(read: int, said: int, text: bool) -> dict[str, Any]:
    return {
        "total_tokens": read + said,
        "input_tokens": read,
        "output_tokens": said,
        "input_token_details": {"text_tokens": read, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": said if text else 0, "audio_tokens": 0 if text else said},
    }
