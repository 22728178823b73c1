"""What of a provider's events concerns the gateway. Pure.

Source: https://platform.openai.com/docs/api-reference/realtime-server-events
"""

from typing import Any

import msgspec
import orjson

SESSION_CREATED = "session.created"
SESSION_UPDATED = "session.updated"
COMMITTED = "input_audio_buffer.committed"
CLEARED = "input_audio_buffer.cleared"
SPEECH_STARTED = "input_audio_buffer.speech_started"
SPEECH_STOPPED = "input_audio_buffer.speech_stopped"
RESPONSE_CREATED = "response.created"
RESPONSE_DONE = "response.done"
ERROR = "error"
EMPTY_COMMIT = "input_audio_buffer_commit_empty"
"""The code of an error: a client's commit came when there was nothing to commit, as after the end of a turn."""
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
NOT_TRANSCRIBED = "conversation.item.input_audio_transcription.failed"

TEXTS = frozenset(
    (
        *("response.output_text.delta", "response.text.delta"),
        *("response.output_audio_transcript.delta", "response.audio_transcript.delta"),
        "response.function_call_arguments.delta",
    )
)
SOUNDS = frozenset(("response.output_audio.delta", "response.audio.delta"))
"""Each by OpenAI's present name, and by its first one."""


class _Error(msgspec.Struct, frozen=True):
    message: Any = None
    type: Any = None
    code: Any = None
    event_id: Any = None


class _Response(msgspec.Struct, frozen=True):
    id: str | None = None
    conversation_id: str | None = None
    status: str | None = None
    status_details: Any = None
    usage: Any = None


class ServerEvent(msgspec.Struct, frozen=True):
    type: str = ""
    response_id: str | None = None
    audio_start_ms: float | None = None  # OpenAI writes whole numbers, servers that speak its API may not
    audio_end_ms: float | None = None
    delta: Any = None
    usage: Any = None
    response: _Response | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(ServerEvent).decode


def read_server_event(data: bytes) -> ServerEvent | None:
    """Return the event, None where it is none that can be read."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def session_in(data: bytes) -> dict[str, Any]:
    """Return the session that a session.created or session.updated tells."""
    try:
        session = orjson.loads(data).get("session")
    except (orjson.JSONDecodeError, AttributeError):
        return {}
    return session if isinstance(session, dict) else {}


def with_session(data: bytes, session: dict[str, Any]) -> bytes:
    return orjson.dumps({**orjson.loads(data), "session": session})
