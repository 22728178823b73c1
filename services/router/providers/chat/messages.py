"""The messages of a chat, one by one."""

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
