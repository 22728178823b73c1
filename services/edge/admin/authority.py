"""Who calls an admin route, and whether they may."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import Request

from shared.errors import AccessDenied, AuthenticationFailed
from shared.identity.keys import as_token


@dataclass(frozen=True)
class Actor:
    """`key_token` is the token of the key that was sent, `user_id` what stands in `created_by`, `team_id` the key's.

    `secrets` are what else that key is known by: the SHA-256s of its later secrets.
    """

    key_token: str
    is_admin: bool
    user_id: str
    team_id: str = ""
    role: str = "unknown"
    secrets: tuple[str, ...] = ()


Dependency = Callable[[Request], Awaitable[Actor]]

Identify = Callable[[Mapping[str, str]], Actor]
"""From a request's headers to who sent it; raises GatewayError where the key is missing or does not count."""


def require_admin(actor: Actor, route: str) -> None:
    """Raise AuthenticationFailed, in LiteLLM's words, unless `actor` may manage."""
    if actor.is_admin:
        return
    raise AuthenticationFailed(
        "Authentication Error, Only proxy admin can be used to generate, delete, update info for new "
        f"keys/users/teams. Route={route}. Your role={actor.role}. "
        f"Your user_id={'*' * len(actor.user_id or 'unknown')}",
        param="None",
    )


def dependencies(identify: Identify) -> tuple[Dependency, Dependency]:
    """Return what a route depends on: whoever calls with a good key, or only who may manage."""

    async def caller(request: Request) -> Actor:
        return identify(request.headers)

    async def manager(request: Request) -> Actor:
        actor = identify(request.headers)
        require_admin(actor, request.url.path)
        return actor

    return caller, manager


def require_own_key(actor: Actor, key: str) -> None:
    """Raise AccessDenied unless `actor` may read `key`, given as itself or as its token."""
    if not actor.is_admin and as_token(key) not in (actor.key_token, *actor.secrets):
        raise AccessDenied(f"You are not allowed to access this key's info. Your role={actor.role}", type="auth_error")
