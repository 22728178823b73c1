"""Pictures made by OpenAI's API. https://platform.openai.com/docs/api-reference/images"""

from typing import Any

from services.router.providers.openai.event_answer import EventAnswer
from shared.usage import Usage, added, usage_from_images


class ImagesAnswer(EventAnswer):
    """An `AnswerReader`. A stream tells the usage of each picture when it is complete."""

    ends = ("image_generation.completed", "image_edit.completed")

    def is_answer(self, answer: dict[str, Any]) -> bool:
        return isinstance(answer.get("data"), list)

    def usage_in(self, answer: dict[str, Any]) -> Usage:
        return usage_from_images(answer.get("usage"), images=len(answer["data"]))

    def note_end(self, event: dict[str, Any]) -> None:
        usage = usage_from_images(event.get("usage"), images=1)
        self.usage = usage if self.usage is None else added(self.usage, usage)
