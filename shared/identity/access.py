"""May this key call at all, and does a list of models allow one? The same answer in edge and in policy."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from shared.errors import AccessDenied, AuthenticationFailed, GatewayError
from shared.identity.keys import Key
from shared.serving.model_names import fits, provider_told_by

_EVERY_MODEL = {"all-proxy-models", "all-team-models", "*"}
_LLM_ROUTES = (
    *("/v1/*", "/v2/rerank", "/v1beta/*", "/openai/*", "/engines/*", "/models", "/models/*", "/chat/*", "/completions"),
    *(
        "/embeddings",
        "/moderations",
        "/images/*",
        "/audio/*",
        "/rerank",
        "/responses",
        "/responses/*",
        "/realtime",
        "/realtime/*",
    ),
    *("/files", "/files/*", "/batches", "/batches/*"),
)
_ROUTE_GROUPS = {
    "llm_api_routes": _LLM_ROUTES,
    "openai_routes": _LLM_ROUTES,
    "anthropic_routes": ("/v1/messages", "/v1/messages/*", "/anthropic/*"),
    "google_routes": ("/v1beta/*", "/models/*:*"),
    "info_routes": ("/key/info", "/models", "/v1/models", "/model/info", "/health/*"),
    "management_routes": ("/key/*", "/team/*", "/user/*", "/model/*", "/budget/*"),
    "spend_tracking_routes": ("/spend/*", "/global/*"),
}


def refusal_of_key(key: Key, *, route: str, now: float) -> GatewayError | None:
    """Return why `key` may not call `route` now, or None. `now` in seconds since 1970."""
    if key.blocked:
        return AuthenticationFailed(
            "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."
        )
    if key.expires is not None and key.expires <= now:
        return AuthenticationFailed(
            f"Authentication Error - Expired Key. Key Expiry time {_iso(key.expires)} and current time {_iso(now)}",
            type="expired_key",
            param=key.key_name,
        )
    if key.allowed_routes and not _route_allowed(key.allowed_routes, route):
        return AccessDenied(
            f"Virtual key is not allowed to call this route. Only allowed to call routes: "
            f"{list(key.allowed_routes)}. Tried to call route: {route}",
            type="key_route_access_denied",
        )
    return None


def models_allow(models: Collection[str], model: str, access_groups: Mapping[str, Collection[str]]) -> bool:
    """Return whether a list of models allows `model`. `access_groups` maps a group's name to the models in it.

    An empty list allows all; a list of `no-default-models` alone allows none.
    """
    if not models:
        return True
    for allowed in models:
        if allowed == model or allowed in _EVERY_MODEL:
            return True
        if "*" in allowed and covers(allowed, model):
            return True
        members = access_groups.get(allowed)
        if members and (model in members or any("*" in member and covers(member, model) for member in members)):
            return True
    return False


def covers(pattern: str, model: str) -> bool:
    """Return whether a wildcard covers a model; `openai/*` covers gpt-4o too, whose name tells its provider."""
    if fits(pattern, model):
        return True
    told = None if "/" in model else provider_told_by(model)
    return told is not None and fits(pattern, f"{told}/{model}")


def _route_allowed(allowed_routes: Collection[str], route: str) -> bool:
    for allowed in allowed_routes:
        patterns = _ROUTE_GROUPS.get(allowed, (allowed,))
        if any(fnmatchcase(route, pattern) for pattern in patterns):
            return True
    return False


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
