"""What the OpenAPI document says of the bodies: clients' generators read it, the gateway does not."""

from typing import Any

_OURS: dict[str, Any] = {
    "user": {"type": "string", "description": "End user, for attribution"},
    "metadata": {"type": "object", "description": "May hold tags and spend_logs_metadata"},
    "guardrails": {"type": "array", "items": {"type": "string"}},
    "drop_params": {"type": "boolean", "description": "Leave out what the model's provider does not support"},
    "num_retries": {"type": "integer", "minimum": 0},
    "timeout": {"type": "number", "exclusiveMinimum": 0},
}
_COUNT = {"type": "integer", "minimum": 1}
_MODEL = {"type": "string", "example": "demo"}
_STREAM: dict[str, Any] = {
    "stream": {"type": "boolean"},
    "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
}


def body_schema(required: list[str], **properties: Any) -> dict[str, Any]:
    """Return the schema of a JSON body with a model and the fields that speak to the gateway."""
    return {
        "type": "object",
        "required": ["model", *required],
        "additionalProperties": True,
        "properties": {"model": _MODEL, **properties, **_OURS},
    }


_CONVERSATION: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role"],
        "additionalProperties": True,
        "properties": {"role": {"type": "string"}, "content": {}},
    },
    "example": [{"role": "user", "content": "Hello"}],
}

CHAT = body_schema(
    ["messages"],
    messages=_CONVERSATION,
    **_STREAM,
    max_tokens=_COUNT,
    max_completion_tokens=_COUNT,
    n=_COUNT,
    tools={"type": "array", "items": {"type": "object"}},
)

COMPLETION = body_schema(
    ["prompt"],
    prompt={"description": "A text, several, or their tokens", "example": "Hello"},
    **_STREAM,
    max_tokens=_COUNT,
    n=_COUNT,
    best_of=_COUNT,
)

EMBEDDINGS = body_schema(
    ["input"],
    input={"description": "A text, several, or their tokens", "example": "Hello"},
    dimensions=_COUNT,
    encoding_format={"type": "string", "enum": ["float", "base64"]},
)

IMAGE = body_schema(
    ["prompt"],
    prompt={"type": "string", "example": "A lighthouse in the fog"},
    n=_COUNT,
    size={"type": "string", "example": "1024x1024"},
    quality={"type": "string"},
    stream={"type": "boolean"},
)

SPEECH = body_schema(
    ["input", "voice"],
    input={"type": "string", "example": "Hello"},
    voice={"type": "string", "example": "alloy"},
    response_format={"type": "string", "enum": ["mp3", "opus", "aac", "flac", "wav", "pcm"]},
    speed={"type": "number", "minimum": 0.25, "maximum": 4},
)

MODERATION = body_schema(["input"], input={"description": "A text, several, or parts", "example": "Hello"})

RERANK = body_schema(
    ["query", "documents"],
    query={"type": "string", "example": "What is a lighthouse for?"},
    documents={"type": "array", "minItems": 1, "items": {}, "example": ["It warns ships.", "It is tall."]},
    top_n=_COUNT,
)

COUNT_TOKENS = body_schema(
    ["messages"], messages=_CONVERSATION, system={}, tools={"type": "array", "items": {"type": "object"}}
)

MESSAGES = body_schema(
    ["messages", "max_tokens"],
    messages=_CONVERSATION,
    max_tokens=_COUNT,
    system={"description": "A text, or blocks of text"},
    stream={"type": "boolean"},
    stop_sequences={"type": "array", "items": {"type": "string"}},
    tools={"type": "array", "items": {"type": "object"}},
    thinking={"type": "object"},
)

INPUT_TOKENS = body_schema(
    ["input"],
    input={"description": "A text, or a list of items", "example": "Hello"},
    instructions={"type": "string"},
    tools={"type": "array", "items": {"type": "object"}},
    previous_response_id={"type": "string"},
)

RESPONSES = body_schema(
    ["input"],
    input={"description": "A text, or a list of items", "example": "Hello"},
    instructions={"type": "string"},
    stream={"type": "boolean"},
    max_output_tokens=_COUNT,
    tools={"type": "array", "items": {"type": "object"}},
    previous_response_id={"type": "string"},
    store={"type": "boolean"},
)
