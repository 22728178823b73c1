"""The endpoints of the table in the OpenAPI document: FastAPI does not see them, clients' generators must."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI

from services.edge.calls.endpoint import Endpoint
from shared.kept.object_calls import CREATE_FILE

_ERRORS = {
    "400": "Invalid request, unknown model, or blocked by a guardrail",
    "401": "No key, an unknown, expired or blocked key",
    "403": "The key may not use this model or route",
    "413": "The body is too large",
    "422": "A budget is used up",
    "503": "No service to serve it; see Retry-After",
    "504": "The deadline passed",
}


def add_endpoints(app: FastAPI, endpoints: Iterable[Endpoint]) -> None:
    """Make `app.openapi()` describe them too."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        for endpoint in endpoints:
            for path in endpoint.paths[:1]:
                document["paths"].setdefault(path, {}).setdefault(endpoint.method.lower(), _operation(endpoint))
        document.setdefault("components", {}).setdefault("securitySchemes", {})["BearerKey"] = {
            "type": "http",
            "scheme": "bearer",
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    accepted: dict[str, Any] = {}
    if endpoint.peek is not None or (endpoint.schema is not None and endpoint.call_type != CREATE_FILE):
        accepted["application/json"] = {"schema": endpoint.schema or {"type": "object"}}
    if endpoint.peek_form is not None or endpoint.call_type == CREATE_FILE:
        form = endpoint.schema if endpoint.call_type == CREATE_FILE else None
        accepted["multipart/form-data"] = {"schema": form or {"type": "object", "additionalProperties": True}}
    shown: dict[str, Any] = {}
    if accepted:
        shown["requestBody"] = {"required": True, "content": accepted}
    if endpoint.query:
        shown["parameters"] = [{"name": name, "in": "query", "schema": each} for name, each in endpoint.query.items()]
    if "{id}" in endpoint.paths[:1][0]:
        shown["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    return {
        "operationId": endpoint.name.strip("/").replace("/", "_"),
        "tags": ["models"],
        "summary": endpoint.summary,
        "security": [{"BearerKey": []}],
        **shown,
        "responses": {
            "200": {
                "description": "The answer; where it is streamed, server-sent events",
                "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}},
            },
            **{status: {"description": text} for status, text in _ERRORS.items()},
        },
    }
