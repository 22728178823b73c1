"""What a client's event asks for, and how it goes on to the provider. Pure.

Source: https://platform.openai.com/docs/api-reference/realtime-client-events
"""

from typing import Any, NamedTuple

import msgspec
import orjson

from services.router.realtime.turns import turn_detection_of
from shared.errors import InvalidRequest

APPEND = "input_audio_buffer.append"
COMMIT = "input_audio_buffer.commit"
CLEAR = "input_audio_buffer.clear"
CREATE_ITEM = "conversation.item.create"
CREATE_RESPONSE = "response.create"
UPDATE_SESSION = "session.update"

_AS_THEY_ARE = frozenset(
    (
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "output_audio_buffer.clear",
        "response.cancel",
    )
)
KNOWN = _AS_THEY_ARE | {APPEND, COMMIT, CLEAR, CREATE_ITEM, CREATE_RESPONSE, UPDATE_SESSION}
"""Others are refused: nobody could say what they cost."""


class Event(msgspec.Struct, frozen=True):
    """`audio` is there in an APPEND alone: its length is all that is looked at."""

    type: str = ""
    event_id: str | None = None
    audio: msgspec.Raw = msgspec.Raw(b"")


class BadEvent(InvalidRequest):
    """An event that does not go on; `event_id` is the client's name for it."""

    def __init__(self, message: str, *, param: str | None = None, event_id: str | None = None) -> None:
        super().__init__(message, param=param)
        self.event_id = event_id


_decode = msgspec.json.Decoder(Event).decode


def read_event(data: bytes) -> Event:
    """Return the event.

    Raises:
        BadEvent: it is none, or none that is known.
    """
    try:
        event = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvent(f"An event must be a JSON object with a type: {error}") from error
    if event.type not in KNOWN:
        raise BadEvent(
            f"The event type '{event.type[:100]}' is not served. Known: {', '.join(sorted(KNOWN))}.",
            param="type",
            event_id=event.event_id,
        )
    return event


def fields_of(data: bytes, event: Event) -> dict[str, Any]:
    """Return the whole event.

    Raises:
        BadEvent
    """
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:  # stricter: lone surrogates, numbers that are none
        raise BadEvent(f"The event is not well-formed JSON: {error}", event_id=event.event_id) from error
    assert isinstance(fields, dict), "read_event has looked"
    return fields


def part_of(fields: dict[str, Any], name: str, event: Event, *, needed: bool = True) -> dict[str, Any]:
    """Return the object that the event is about.

    Raises:
        BadEvent
    """
    part = fields.get(name)
    if part is None and not needed:
        return {}
    if not isinstance(part, dict):
        raise BadEvent(f"{event.type}: '{name}' must be an object.", param=name, event_id=event.event_id)
    return part


class Allowed(NamedTuple):
    """What a session's client may ask for. `model` is its name for the model; `held`: its budgets are hard."""

    model: str
    held: bool


class SessionUpdate(NamedTuple):
    """`answers_turns`: whether the client wants a response after each turn that is heard; None: it does not say.

    `transcription` is set by what is returned, where the client sets one: its `model` is the client's name still.
    """

    session: dict[str, Any]
    answers_turns: bool | None
    transcription: dict[str, Any] | None = None
    sets_transcription: bool = False


def session_update(session: dict[str, Any], event: Event, allowed: Allowed) -> SessionUpdate:
    """Return the session as the provider may have it: it makes no response that was not asked for.

    Raises:
        BadEvent: it asks for what cannot be metered.
    """
    session = dict(session)
    if session.get("type", "realtime") != "realtime":
        raise BadEvent(
            "Only sessions of type 'realtime' are served; recordings are transcribed by /v1/audio/transcriptions.",
            param="session.type",
            event_id=event.event_id,
        )
    if session.get("model") is not None and session.pop("model") != allowed.model:
        raise BadEvent(
            f"The model of a session is that of its address, '{allowed.model}'; open another one for another model.",
            param="session.model",
            event_id=event.event_id,
        )
    transcription = _transcription(session, event, allowed)
    check_terms(session, "session", event, allowed)
    place, detection = turn_detection_of(session)
    if not isinstance(detection, dict):
        return SessionUpdate(session, False if place is not None else None, *transcription)
    if detection.get("idle_timeout_ms") is not None:
        raise BadEvent(
            "idle_timeout_ms would have the provider answer by itself, which no budget could stop; leave it out.",
            param="session.turn_detection.idle_timeout_ms",
            event_id=event.event_id,
        )
    assert place is not None, "it was found somewhere"
    place["turn_detection"] = {**detection, "create_response": False}
    return SessionUpdate(session, detection.get("create_response") is not False, *transcription)


def check_terms(terms: dict[str, Any], where: str, event: Event, allowed: Allowed) -> None:
    """Refuse what a session or a response asks for and nobody could bound.

    Raises:
        BadEvent
    """
    tools = terms.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and tool.get("type") == "mcp":
            raise BadEvent(
                "Tools of type 'mcp' are not served in a session: the provider would call them by itself, and go on "
                "with what they say. Give functions.",
                param=f"{where}.tools",
                event_id=event.event_id,
            )
    if allowed.held and terms.get("prompt") is not None:
        raise BadEvent(
            "A prompt that the provider keeps cannot be held to a budget: its length is not known here. Send its text "
            "as instructions.",
            param=f"{where}.prompt",
            event_id=event.event_id,
        )


def wished_tokens(terms: dict[str, Any], event: Event) -> int | None:
    """Return the maximum that a response asks for, by OpenAI's present name or its first one; None: the session's.

    Raises:
        BadEvent
    """
    for name in ("max_output_tokens", "max_response_output_tokens"):
        value = terms.get(name)
        if value is None or value == "inf":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2_147_483_647:
            raise BadEvent(
                f"{event.type}: '{name}' must be a whole number of at least 1, or \"inf\".",
                param=f"response.{name}",
                event_id=event.event_id,
            )
        return value
    return None


def has_sound(item: dict[str, Any]) -> bool:
    content = item.get("content")
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("audio") is not None for part in content
    )


def _transcription(session: dict[str, Any], event: Event, allowed: Allowed) -> tuple[dict[str, Any] | None, bool]:
    """Return what the client sets of the transcription of what is heard, and whether it sets it at all.

    Raises:
        BadEvent
    """
    audio = session.get("audio")
    heard = audio.get("input") if isinstance(audio, dict) else None
    if isinstance(audio, dict) and isinstance(heard, dict) and "transcription" in heard:
        place, name = dict(heard), "transcription"
        session["audio"] = {**audio, "input": place}
    elif "input_audio_transcription" in session:
        place, name = session, "input_audio_transcription"
    else:
        return None, False
    if place[name] is None:
        return None, True
    if not isinstance(place[name], dict) or not isinstance(place[name].get("model"), str):
        raise BadEvent(
            "A transcription must be an object with a model.",
            param="session.audio.input.transcription.model",
            event_id=event.event_id,
        )
    if allowed.held and place[name].get("prompt"):
        raise BadEvent(
            "A prompt for the transcription cannot be held to a budget: it is read with each turn. Leave it out.",
            param="session.audio.input.transcription.prompt",
            event_id=event.event_id,
        )
    place[name] = dict(place[name])
    return place[name], True
