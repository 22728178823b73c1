"""Whether a call that goes to a provider as it is asks for a stream, where its body does not say: by its address."""

import re
from urllib.parse import unquote

_STREAMS = re.compile(
    r":(?:stream|serverStreaming)\w*$"  # Google's and Vertex AI's
    r"|/(?:converse-stream|invoke-with-response-stream|invocations-response-stream)$"  # AWS's
    r"|/generate_stream$"  # Hugging Face's containers
    r"|/api/(?:chat|generate|pull|push|create)$"  # Ollama's, which stream unless they are told not to
    r"|/audio/speech$|/speak$|/text-to-(?:speech|dialogue)/"  # sound, which goes on as it comes here as elsewhere
    r"|/stream$|/content$"  # ElevenLabs', and files
)
_IN_QUERY = frozenset(("alt=sse", "stream=true"))
"""Google's, and OpenAI's for what it keeps."""


def streams_by_address(path: str, query: str) -> bool:
    """`path` may be percent-encoded; `query` is written as urlencode does."""
    return _STREAMS.search(unquote(path).rstrip("/")) is not None or not _IN_QUERY.isdisjoint(query.split("&"))
