"""Providers on loopback, in a thread, as strict as the real ones: an unknown field is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.provider_servers import BedrockServer, GeminiServer, OpenAIServer
from tests.provider_servers.cohere import CohereServer
from tests.provider_servers.in_thread import served_in_thread
from tests.provider_servers.mistral_conversations import MistralConversations
from tests.provider_servers.ollama import OllamaServer

_BODY = {
    *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stream", "stream_options"),
    *("tools", "tool_choice", "parallel_tool_calls", "stop", "user", "reasoning_effort", "response_format", "n"),
    *(
        "service_tier",
        "seed",
        "logprobs",
        "top_logprobs",
        "metadata",
        "store",
        "web_search_options",
        "verbosity",
        "prompt_cache_key",
    ),
}
_MESSAGE = {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio"}
_PART = {"type", "text", "image_url", "input_audio", "file", "refusal"}
_FUNCTION = {"name", "description", "parameters", "strict"}
USER_MAX = 64


class StrictOpenAI(OpenAIServer):
    def refusal_of(self, body: dict[str, Any]) -> tuple[int, Any] | None:
        unknown = body.keys() - _BODY
        for tool in body.get("tools") or ():
            unknown |= (tool.keys() - {"type", "function"}) | (tool["function"].keys() - _FUNCTION)
        for message in body.get("messages") or ():
            unknown |= message.keys() - _MESSAGE
            parts = message.get("content")
            unknown |= {name for part in parts for name in part.keys() - _PART} if isinstance(parts, list) else set()
        if unknown:
            return 400, {"error": {"message": f"Unrecognized request arguments: {sorted(unknown)}", "param": None}}
        if len(body.get("user") or "") > USER_MAX:
            return 400, {"error": {"message": "Invalid 'user': string too long.", "param": "user"}}
        return super().refusal_of(body)


class StrictProviders:
    def __init__(self) -> None:
        self.openai, self.gemini = StrictOpenAI(model="gpt-5"), GeminiServer()
        self.bedrock = BedrockServer()
        self.cohere, self.ollama = CohereServer(), OllamaServer(key="ollama-key")
        self.mistral = MistralConversations()

    @contextmanager
    def running(self) -> Iterator["StrictProviders"]:
        servers = [self.openai, self.gemini, self.bedrock, self.cohere, self.ollama, self.mistral]
        with served_in_thread(servers):
            yield self
