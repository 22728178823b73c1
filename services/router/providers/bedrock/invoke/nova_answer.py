"""Nova's answers through InvokeModel: Converse's, each event of a stream in an object that names it.

Source: https://docs.aws.amazon.com/nova/latest/userguide/using-invoke-api.html
"""

from typing import Any

from services.router.providers.bedrock.converse.stream import ConverseTranslator


class NovaTranslator(ConverseTranslator):
    """A `ChunkTranslator`."""

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        chunks: list[dict[str, Any]] = []
        for kind, body in event.items():
            if isinstance(body, dict):
                chunks += super().feed(body, kind)
        return chunks
