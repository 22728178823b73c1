"""The messages of a chat, one by one; and the turns they become where two of one side may not follow each other."""

from collections.abc import Iterator
from typing import Any

from services.router.providers.answers.rejection import InvalidField


def messages_given(given: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each message behind its path.

    Raises:
        InvalidField
    """
    if not isinstance(given, list):
        raise InvalidField("messages", "must be a list of messages.")
    for index, message in enumerate(given):
        path = f"messages[{index}]"
        if not isinstance(message, dict):
            raise InvalidField(path, "must be an object with role and content.")
        yield path, message


def add_to_turns(turns: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    """Put the blocks at the end, in the last turn where that is of the same side; none leave no turn."""
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})
