"""The hot routes in the OpenAPI document: FastAPI does not see them, clients' generators must."""

from typing import Any

from fastapi import FastAPI

_ERRORS = {
    "400": "Invalid request, unknown model, or blocked by a guardrail",
    "401": "No key, an unknown, expired or blocked key",
    "403": "The key may not use this model or route",
    "413": "The body is too large",
    "422": "A budget is used up",
    "503": "No service to serve it; see Retry-After",
    "504": "The deadline passed",
}

_CHAT: dict[str, Any] = {
    "tags": ["chat"],
    "summary": "Chat completions, OpenAI's API, streamed or not",
    "security": [{"BearerKey": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model", "messages"],
                    "additionalProperties": True,
                    "properties": {
                        "model": {"type": "string", "example": "demo"},
                        "messages": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["role"],
                                "additionalProperties": True,
                                "properties": {"role": {"type": "string"}, "content": {}},
                            },
                            "example": [{"role": "user", "content": "Hello"}],
                        },
                        "stream": {"type": "boolean"},
                        "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
                        "max_tokens": {"type": "integer", "minimum": 1},
                        "max_completion_tokens": {"type": "integer", "minimum": 1},
                        "n": {"type": "integer", "minimum": 1},
                        "tools": {"type": "array", "items": {"type": "object"}},
                        "user": {"type": "string", "description": "End user, for attribution"},
                        "metadata": {"type": "object", "description": "May hold tags and spend_logs_metadata"},
                        "guardrails": {"type": "array", "items": {"type": "string"}},
                        "num_retries": {"type": "integer", "minimum": 0},
                        "timeout": {"type": "number", "exclusiveMinimum": 0},
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "A chat completion, or server-sent events that end with [DONE]",
            "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}},
        },
        **{status: {"description": text} for status, text in _ERRORS.items()},
    },
}


def add_hot_routes(app: FastAPI) -> None:
    """Make `app.openapi()` describe them too."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["paths"].setdefault("/v1/chat/completions", {"post": {**_CHAT, "operationId": "chat_completions"}})
        document.setdefault("components", {}).setdefault("securitySchemes", {})["BearerKey"] = {
            "type": "http",
            "scheme": "bearer",
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
