"""Who answers a turn: the provider never by itself, so that each response is admitted before it is made. Pure."""

from typing import Any


def turn_detection_of(session: dict[str, Any]) -> tuple[dict[str, Any] | None, Any]:
    """Return the object in which `turn_detection` stands, and what it says; (None, None) where it is not set.

    It is found in OpenAI's present form of a session, and in its first one. What is returned may be changed without a
    change of `session`'s own parts.
    """
    audio = session.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get("input"), dict) and "turn_detection" in audio["input"]:
        heard = dict(audio["input"])
        session["audio"] = {**audio, "input": heard}
        return heard, heard["turn_detection"]
    if "turn_detection" in session:
        return session, session["turn_detection"]
    return None, None


def first_update(session: dict[str, Any]) -> dict[str, Any] | None:
    """Return the update of a new session after which the provider answers no turn by itself; None: it does not anyway.

    `session` is how the provider has opened it.
    """
    _, detection = turn_detection_of(dict(session))
    if not isinstance(detection, dict):
        return None
    held = {name: value for name, value in detection.items() if name != "idle_timeout_ms" and value is not None}
    held["create_response"] = False
    if "audio" in session:
        return {"type": "realtime", "audio": {"input": {"turn_detection": held}}}
    return {"turn_detection": held}


def as_asked(session: dict[str, Any], answers_turns: bool) -> dict[str, Any]:
    """Return a session as its client has set it, of one as the provider has it."""
    shown = dict(session)
    place, detection = turn_detection_of(shown)
    if place is not None and isinstance(detection, dict):
        place["turn_detection"] = {**detection, "create_response": answers_turns}
    return shown
