"""Which keys may call what: the table that edge and policy both decide by."""

from typing import Any

import pytest

from shared.identity.access import models_allow, refusal_of_key
from shared.identity.keys import Key

NOW = 1_800_000_000.0


def key(**fields: Any) -> Key:
    return Key(token="t", version=1, tenant="t", key_name="sk-...abcd", created_at=0.0, updated_at=0.0, **fields)


@pytest.mark.parametrize(
    ("models", "model", "allowed"),
    [
        ((), "gpt-4", True),
        (("gpt-4",), "gpt-4", True),
        (("gpt-4",), "gpt-4o", False),
        (("gpt-4o",), "gpt-4", False),
        (("gpt-4", "fast"), "fast", True),
        (("all-proxy-models",), "gpt-4", True),
        (("all-team-models",), "gpt-4", True),
        (("*",), "gpt-4", True),
        (("openai/*",), "openai/gpt-4", True),
        (("openai/*",), "anthropic/claude", False),
        (("openai/*",), "openai/a/b", True),
        (("gpt-?",), "gpt-4", False),  # only * is a wildcard
        (("GPT-4",), "gpt-4", False),
        (("beta",), "gpt-4", True),  # an access group
        (("beta",), "gpt-5", False),
        (("beta", "gpt-5"), "gpt-5", True),
        (("",), "gpt-4", False),
        (("no-default-models",), "gpt-4", False),
    ],
)
def test_whether_a_list_of_models_allows_one(models: tuple[str, ...], model: str, allowed: bool) -> None:
    assert models_allow(models, model, {"beta": frozenset({"gpt-4"})}) is allowed


@pytest.mark.parametrize(
    ("routes", "route", "allowed"),
    [
        ((), "/key/info", True),
        (("/v1/chat/completions",), "/v1/chat/completions", True),
        (("/v1/chat/completions",), "/v1/models", False),
        (("/v1/*",), "/v1/models/gpt-4", True),
        (("llm_api_routes",), "/v1/chat/completions", True),
        (("llm_api_routes",), "/chat/completions", True),
        (("llm_api_routes",), "/openai/deployments/a/chat/completions", True),
        (("llm_api_routes",), "/engines/a/chat/completions", True),
        (("openai_routes",), "/engines/a/chat/completions", True),
        (("llm_api_routes",), "/key/info", False),
        (("info_routes",), "/key/info", True),
        (("info_routes",), "/key/generate", False),
        (("management_routes",), "/key/generate", True),
        (("management_routes",), "/v1/chat/completions", False),
        (("spend_tracking_routes",), "/spend/logs", True),
        (("spend_tracking_routes", "llm_api_routes"), "/v1/models", True),
    ],
)
def test_whether_a_key_may_call_a_route(routes: tuple[str, ...], route: str, allowed: bool) -> None:
    refusal = refusal_of_key(key(allowed_routes=routes), route=route, now=NOW)
    assert (refusal is None) is allowed
    if refusal is not None:
        assert (refusal.status, refusal.type) == (403, "key_route_access_denied")
        assert route in refusal.message


@pytest.mark.parametrize(("expires", "refused"), [(None, False), (NOW + 1, False), (NOW, True), (NOW - 1, True)])
def test_a_key_is_refused_from_its_expiry_on(expires: float | None, refused: bool) -> None:
    refusal = refusal_of_key(key(expires=expires), route="/v1/models", now=NOW)
    assert (refusal is not None) is refused
    if refusal is not None:
        assert (refusal.status, refusal.type, refusal.param) == (401, "expired_key", "sk-...abcd")
        assert "Authentication Error - Expired Key. Key Expiry time 2027-01-15T0" in refusal.message


def test_a_blocked_key_is_refused_in_litellms_words_whatever_else_it_may() -> None:
    refusal = refusal_of_key(key(blocked=True, expires=NOW - 1, allowed_routes=("/x",)), route="/v1/models", now=NOW)
    assert refusal is not None
    assert (refusal.status, refusal.type) == (401, "auth_error")
    assert refusal.message == "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."
    assert refusal_of_key(key(blocked=False), route="/v1/models", now=NOW) is None
