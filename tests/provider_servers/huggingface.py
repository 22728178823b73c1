"""Hugging Face's router. Source: https://huggingface.co/docs/inference-providers/tasks/chat-completion"""

from typing import Any

from tests.provider_servers.http_server import Received
from tests.provider_servers.openai import OpenAIServer


class HuggingFaceServer(OpenAIServer):
    """Serves models as ORG/NAME, with the inference provider behind a colon."""

    def __init__(self, *, key: str = "hf_provider") -> None:
        super().__init__(key=key, model="meta-llama/Llama-3.1-8B-Instruct")

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {"error": "Invalid username or password."}
        return super().refusal(request)

    def error(self, status: int) -> Any:
        return {"error": f"The server says {status}.", "error_type": "overloaded"}
