"""What is read out of the payload of a fact that ends a request, as a ClickHouse type: names are the fact's own.

A field that a fact lacks becomes 0, "" or empty. LowCardinality where reports group by it and values repeat.
Never changed: a migration that needs more defines a type of its own.
"""

_NAMES = "LowCardinality(String)"

_USAGE = ", ".join(
    f"{name} UInt64"
    for name in (
        "input",
        "cached_input",
        "cache_write",
        "cache_write_1h",
        "audio_input",
        "image_input",
        "output",
        "reasoning",
        "audio_output",
        "image_output",
        "requests",
        "web_searches",
    )
)

_ATTEMPT = f"deployment {_NAMES}, provider {_NAMES}, duration_ms UInt32, status UInt16, error String"

_FIELDS = {
    "key_alias": "String",
    "user_id": _NAMES,
    "team_id": _NAMES,
    "organization_id": "String",
    "end_user": "String",
    "tags": "Array(String)",
    "session_id": "String",
    "route": "String",
    "call_type": "String",
    "model": _NAMES,
    "group": _NAMES,
    "deployment": _NAMES,
    "provider": _NAMES,
    "provider_model": _NAMES,
    "stream": "Bool",
    "client_left": "Bool",
    "outcome": "String",
    "status": "UInt16",
    "error_type": "String",
    "stage": "String",
    "guardrail": "String",
    "response_id": "String",
    "finish_reason": "String",
    "prompt_tokens": "UInt64",
    "completion_tokens": "UInt64",
    "usage": f"Tuple({_USAGE})",
    "usage_source": "String",
    "hold_pico": "Int64",
    "price": "Tuple(row String)",
    "attempts": f"Array(Tuple({_ATTEMPT}))",
    "retries": "UInt16",
    "fallbacks": "UInt16",
    "started_ms": "Int64",
    "first_token_ms": "Int64",
    "finished_ms": "Int64",
}

REQUEST_FIELDS = f"Tuple({', '.join(f'{name} {kind}' for name, kind in _FIELDS.items())})"

_COSTS = {
    "usage": f"Map({_NAMES}, UInt64)",
    "usage_check": "String",
    "service_tier": _NAMES,
    "geo": _NAMES,
    "cost_source": _NAMES,
    "computed_pico": "Nullable(Int64)",
    "reported_pico": "Nullable(Int64)",
    "discount_pico": "Int64",
    "margin_pico": "Int64",
    "price": f"Tuple(source {_NAMES})",
}

COST_FIELDS = f"Tuple({', '.join(f'{name} {kind}' for name, kind in _COSTS.items())})"
"""Of the same fact: what makes up its cost."""
