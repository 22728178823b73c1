"""The fact that ended a request, as LiteLLM's spend row. Pure.

Names, types and the values that stand for "nothing" are LiteLLM's, recorded in tests/contract/litellm/. Amounts are
exact decimal numbers. What only we know is in metadata.meterhouse.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.money import usd_text
from shared.usage.classes import INPUT_CLASSES, OUTPUT_CLASSES, UNIT_CLASSES


def spend_row(fact: dict[str, Any], *, at_ms: int, stored_ms: int, seq: int) -> dict[str, Any]:
    """Return the row of a completion.finished, completion.lost or request.denied.

    `at_ms` is when the request was made, `stored_ms` when JetStream stored the fact with the sequence `seq`.
    """
    text = _Texts(fact)
    prompt, completion = fact.get("prompt_tokens", 0), fact.get("completion_tokens", 0)
    end_ms = fact.get("finished_ms") or fact.get("ts_ms") or at_ms
    succeeded = fact.get("outcome") == "success"
    return {
        "request_id": text["response_id"] or text["request_id"],
        "call_type": text["call_type"],
        "api_key": text["key"],
        "spend": amount(fact.get("cost_pico", 0)),
        "total_tokens": prompt + completion,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "startTime": iso(at_ms),
        "endTime": iso(end_ms),
        "request_duration_ms": max(0, end_ms - at_ms),
        "completionStartTime": iso(fact.get("first_token_ms") or end_ms),
        "model": model_name(fact),
        "model_id": text["deployment"],
        "model_group": text["group"] or text["model"],
        "custom_llm_provider": text["provider"],
        "api_base": text["api_base"],
        "user": text["user_id"],
        "metadata": _metadata(fact, text, succeeded=succeeded, seq=seq),
        "cache_hit": "None" if succeeded else "False",
        "cache_key": "Cache OFF",
        "request_tags": list(fact.get("tags") or ()),
        "team_id": text["team_id"],
        "organization_id": text["organization_id"],
        "end_user": text["end_user"],
        "requester_ip_address": text["ip"],
        "messages": {},
        "response": {},
        "session_id": text["session_id"] or text["request_id"],
        "status": "success" if succeeded else "failure",
        "mcp_namespaced_tool_name": None,
        "billing_agent_id": None,
        "agent_id": None,
        "proxy_server_request": {},
        "litellm_call_id": text["request_id"],
        "created_at": iso(stored_ms),
        "updated_at": iso(stored_ms),
    }


def amount(pico: int) -> msgspec.Raw:
    """Return pico-dollars as a JSON number in USD, every digit of it: 0.0000075, 12.5, 0.0."""
    text = usd_text(pico)
    return msgspec.Raw((text if "." in text else f"{text}.0").encode())


def _amount_or_none(pico: int | None) -> msgspec.Raw | None:
    return None if pico is None else amount(pico)


def iso(ms: int) -> str:
    """Return 2026-11-23T00:31:48.726000Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}000Z"


def model_name(fact: dict[str, Any]) -> str:
    """Return the model as LiteLLM logs it, "provider/model"; without a provider, as it was asked for."""
    provider, model = fact.get("provider") or "", fact.get("provider_model") or ""
    if not model:
        return fact.get("model") or ""
    return model if not provider or model.startswith(f"{provider}/") else f"{provider}/{model}"


class _Texts(dict[str, Any]):
    """A fact's texts, "" for what it has not."""

    def __missing__(self, name: str) -> str:
        return ""


def _metadata(fact: dict[str, Any], text: _Texts, *, succeeded: bool, seq: int) -> dict[str, Any]:
    called = bool(fact.get("provider_model"))  # a provider was asked
    retries, fallbacks = fact.get("retries"), fact.get("fallbacks")
    name = model_name(fact)
    return {
        "status": None if succeeded else "failure",
        "user_agent": text["user_agent"] or None,
        "max_retries": None,
        "batch_models": None,
        "usage_object": _usage_object(fact) if succeeded else {},
        "user_api_key": text["key"],
        "actor_agent_id": None,
        "cost_breakdown": _cost_breakdown(fact) if succeeded or fact.get("cost_pico") else None,
        "azure_spillover": None,
        "litellm_call_id": text["request_id"],
        "router_metadata": None,
        "target_agent_id": None,
        "billing_agent_id": None,
        "eval_information": None,
        "routing_decision": None,
        "attempted_retries": retries,
        "error_information": None if succeeded else _error_information(fact, text),
        "applied_guardrails": list(fact.get("guardrails") or ()),
        "autorouter_savings": None,
        "user_api_key_alias": text["key_alias"] or None,
        "attempted_fallbacks": fallbacks,
        "compression_savings": None,
        "spend_logs_metadata": fact.get("metadata") or None,
        "user_api_key_org_id": text["organization_id"] or None,
        "agent_execution_mode": None,
        "internal_call_origin": None,
        "original_model_group": text["model"] or None,
        "proxy_server_request": None,
        "requester_ip_address": text["ip"] or None,
        "user_api_key_team_id": text["team_id"] or None,
        "user_api_key_user_id": text["user_id"] or None,
        "batch_failed_requests": None,
        "guardrail_information": _guardrail_information(fact),
        "litellm_roi_estimator": False,
        "model_map_information": {"model_map_key": name, "model_map_value": None} if called else None,
        "mcp_tool_call_metadata": None,
        "verified_human_user_id": None,
        "additional_usage_values": _usage_details(fact) if succeeded else {},
        "cold_storage_object_key": None,
        "used_client_oauth_token": False if succeeded else None,
        "user_api_key_project_id": None,
        "user_api_key_team_alias": None,
        "litellm_overhead_time_ms": _overhead_ms(fact) if succeeded else None,
        "batch_successful_requests": None,
        "user_api_key_project_alias": None,
        "autorouter_savings_estimate": None,
        "vector_store_request_metadata": None,
        "litellm_gateway_injected_cache": None,
        "autorouter_baseline_observation": None,
        "meterhouse": {
            "fact": fact.get("id", ""),
            "seq": seq,
            "outcome": _outcome(fact),
            "usage_source": fact.get("usage_source"),
            "usage_check": fact.get("usage_check") or None,
            "price": (fact.get("price") or {}).get("row"),
            "price_source": (fact.get("price") or {}).get("source"),
            "cost_source": fact.get("cost_source"),
            "computed_cost": _amount_or_none(fact.get("computed_pico")),
            "reported_cost": _amount_or_none(fact.get("reported_pico")),
            "client_left": fact.get("client_left"),
            "interrupted": fact.get("interrupted") or None,
        },
    }


def _outcome(fact: dict[str, Any]) -> str:
    known = {"completion.lost": "lost", "request.denied": "denied"}
    return known.get(fact.get("kind", "")) or fact.get("outcome") or "unreadable"


def _usage_object(fact: dict[str, Any]) -> dict[str, Any]:
    prompt, completion = fact.get("prompt_tokens", 0), fact.get("completion_tokens", 0)
    totals = {"total_tokens": prompt + completion, "prompt_tokens": prompt, "completion_tokens": completion}
    return totals | _usage_details(fact)


def _usage_details(fact: dict[str, Any]) -> dict[str, Any]:
    """Return OpenAI's details of the tokens; None where there is nothing to tell apart."""
    usage = fact.get("usage") or {}
    read = {
        "cached_tokens": sum(
            usage.get(name, 0) for name in ("cached_input", "cached_audio_input", "cached_image_input")
        ),
        "cache_creation_tokens": usage.get("cache_write", 0) + usage.get("cache_write_1h", 0),
        "audio_tokens": usage.get("audio_input", 0) + usage.get("cached_audio_input", 0),
        "image_tokens": usage.get("image_input", 0) + usage.get("cached_image_input", 0),
    }
    if usage.get("video_input"):
        read["video_tokens"] = usage["video_input"]
    wrote = {
        "reasoning_tokens": usage.get("reasoning", 0),
        "audio_tokens": usage.get("audio_output", 0),
        "image_tokens": usage.get("image_output", 0),
    }
    details: dict[str, Any] = {
        "prompt_tokens_details": read if any(read.values()) else None,
        "completion_tokens_details": wrote if any(wrote.values()) else None,
    }
    units = {name: usage[name] for name in UNIT_CLASSES if usage.get(name) and name != "requests"}
    return {**details, "units": units} if units else details


def _cost_breakdown(fact: dict[str, Any]) -> dict[str, Any]:
    parts = fact.get("cost_parts_pico") or {}
    read, wrote = (sum(parts.get(part, 0) for part in names) for names in (INPUT_CLASSES, OUTPUT_CLASSES))
    total, discount, margin = (fact.get(name, 0) for name in ("cost_pico", "discount_pico", "margin_pico"))
    original = total + discount - margin
    return {
        "input_cost": amount(read),
        "total_cost": amount(total),
        "output_cost": amount(wrote),
        "service_tier": fact.get("service_tier") or None,
        "original_cost": amount(original),
        "data_residency": fact.get("geo") or None,
        "margin_percent": 0.0,
        "discount_amount": amount(discount),
        "tool_usage_cost": amount(max(0, sum(parts.values()) - read - wrote)),
        "vertex_location": None,
        "discount_percent": round(discount / original, 6) if discount and original else 0.0,
        "margin_fixed_amount": 0.0,
        "margin_total_amount": amount(margin),
    }


def _error_information(fact: dict[str, Any], text: _Texts) -> dict[str, Any]:
    status = fact.get("status", 0)
    lost = fact.get("kind") == "completion.lost"
    return {
        "traceback": "",
        "error_code": str(status) if status else "",
        "error_class": "completion_lost" if lost else text["error_type"],
        "llm_provider": text["provider"],
        "error_message": (
            "No end of the request was heard of; its hold was counted as spent."
            if lost
            else text["error_message"] or text["message"]
        ),
        "normalized_error": f"{status}_{text['error_type'].upper()}" if status else "",
        "error_budget_limit": None,
        "error_budget_spend": None,
        "error_rate_limit_type": None,
        "error_budget_entity_id": None,
        "error_budget_entity_type": None,
        "error_provider_request_id": None,
        "error_rate_limit_category": None,
    }


def _guardrail_information(fact: dict[str, Any]) -> list[dict[str, Any]] | None:
    if not fact.get("guardrail"):
        return None
    return [{"guardrail_name": fact["guardrail"], "guardrail_status": "guardrail_intervened"}]


def _overhead_ms(fact: dict[str, Any]) -> float | None:
    """Return what the gateway itself took before the provider was called."""
    received, started = fact.get("received_ms"), fact.get("started_ms")
    return float(started - received) if received and started else None
