"""Pictures made by OpenAI's API. https://platform.openai.com/docs/api-reference/images"""

from typing import Any

from services.router.providers.openai.event_answer import EventAnswer
from shared.payloads.picture_sizes import USUAL, pixels_of
from shared.usage import Usage, added, usage_from_images
from shared.usage.whole_answer import usage_in_pictures


class ImagesAnswer(EventAnswer):
    """An `AnswerReader`. A stream tells the usage of each picture when it is complete."""

    ends = ("image_generation.completed", "image_edit.completed")

    def __init__(self, size: object = None) -> None:
        """`size` is what was asked for: an answer that tells its own has the last word."""
        super().__init__()
        self._size = size

    def is_answer(self, answer: dict[str, Any]) -> bool:
        return isinstance(answer.get("data"), list)

    def usage_in(self, answer: dict[str, Any]) -> Usage:
        return usage_in_pictures(answer, size=self._size)

    def note_end(self, event: dict[str, Any]) -> None:
        pixels = pixels_of(event.get("size")) or pixels_of(self._size) or USUAL
        usage = usage_from_images(event.get("usage"), images=1, pixels=pixels)
        self.usage = usage if self.usage is None else added(self.usage, usage)
