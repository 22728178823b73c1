"""May a request go ahead as far as team, member, user, organisation and customer are concerned?

The same answer in edge (at once) and in policy (with authority), from the mirror of the HOLDERS bucket. What stands
around a key is found once and kept until the key or any holder changes.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

from shared.errors import AccessDenied, AuthenticationFailed, GatewayError, InvalidRequest
from shared.identity.access import models_allow
from shared.identity.holders import Holder, HolderKind, entry_name, member_id
from shared.identity.keys import Key

_TYPES = {
    "key": "key_model_access_denied",
    "team": "team_model_access_denied",
    "member": "team_member_model_access_denied",
    "user": "user_model_access_denied",
    "organization": "org_model_access_denied",
    "end_user": "customer_model_access_denied",
}
_BLOCKED = {
    "team": "Authentication Error, Team={id} is blocked. Update via `/team/unblock` if you're an admin.",
    "tag": "Authentication Error, Tag={id} is blocked. Update via `/tag/unblock` if you're an admin.",
    "user": "Authentication Error, User={id} is blocked. Update via `/user/unblock` if you're an admin.",
    "organization": (
        "Authentication Error, Organization={id} is blocked. Update via `/organization/unblock` if you're an admin."
    ),
}

_entry_name = lru_cache(maxsize=65_536)(entry_name)
_member_name = lru_cache(maxsize=65_536)(lambda team_id, user_id: entry_name("member", member_id(team_id, user_id)))


class _Level(NamedTuple):
    """A list of models that must allow a call, and whose it is."""

    whose: str
    models: Collection[str]


class _Known(NamedTuple):
    """What stands around a key. `blocked`: who above it is, if anybody."""

    key: Key
    generation: int
    blocked: Holder | None
    levels: tuple[_Level, ...]
    aliases: Mapping[str, str]
    tags: tuple[str, ...]
    guardrails: tuple[str, ...]


KNOWN_MAX = 100_000
"""So many keys' surroundings are kept at most."""


class HolderAccess:
    def __init__(self, holders: Mapping[str, Holder], access_groups: Mapping[str, Collection[str]]) -> None:
        """`holders` mirrors the HOLDERS bucket; `changed` must be called when it changes.

        `access_groups` maps a group's name to the models in it.
        """
        self._holders = holders
        self._groups = access_groups
        self._generation = 0
        self._known: dict[str, _Known] = {}

    def changed(self, name: str = "", holder: Holder | None = None) -> None:
        """An entry of the bucket has changed: what is known of keys may be wrong."""
        self._generation += 1

    def refusal(self, key: Key | None, end_user: str, tags: Collection[str] = ()) -> GatewayError | None:
        """Return why nothing may be called, whatever the model: somebody is blocked, or a tag of the request is.

        `key` None is the master key, which no tag binds.
        """
        if key is not None:
            blocked = self._of_key(key).blocked
            if blocked is not None:
                return AuthenticationFailed(_BLOCKED[blocked.kind].format(id=blocked.id))
            for tag in tags:
                holder = self._of("tag", tag)
                if holder is not None and holder.blocked:
                    return AuthenticationFailed(_BLOCKED["tag"].format(id=tag))
        if end_user:
            customer = self._of("end_user", end_user)
            if customer is not None and customer.blocked:
                return InvalidRequest(f"User blocked from making LLM API Calls. User={end_user}")
        return None

    def model_refusal(self, key: Key | None, end_user: str, group: str, model: str) -> GatewayError | None:
        """Return why `model`, which means `group`, may not be called, or None."""
        if key is not None and not (key.models or key.team_id or key.user_id or key.organization_id or end_user):
            return None
        for level in self._levels(key, end_user):
            if not models_allow(level.models, group, self._groups):
                return AccessDenied(
                    f"The requested model '{model}' is not available for this API key, or the model name is invalid. "
                    "Check the models available to you and try again.",
                    type=_TYPES[level.whose],
                    param="model",
                )
        return None

    def allows(self, key: Key | None, group: str) -> bool:
        """Return whether `key` may call `group` at all, whoever its end user is."""
        return all(models_allow(level.models, group, self._groups) for level in self._levels(key, ""))

    def aliases_of(self, key: Key | None) -> Mapping[str, str]:
        """Return the model names that mean another one for `key`: its own before its team's."""
        return self._of_key(key).aliases if key is not None else {}

    def tags_of(self, key: Key | None) -> tuple[str, ...]:
        """Return the tags that every request of `key` has: its own and its team's."""
        return self._of_key(key).tags if key is not None else ()

    def guardrails_of(self, key: Key | None) -> tuple[str, ...]:
        """Return the guardrails that run on every request of `key`: its own and its team's."""
        return self._of_key(key).guardrails if key is not None else ()

    def role_of(self, key: Key) -> str:
        """Return what the user of `key` is: `proxy_admin`, `internal_user`, ...; "" where nobody says."""
        user = self._of("user", key.user_id) if key.user_id else None
        return str(user.extra.get("user_role") or "") if user is not None else ""

    def _levels(self, key: Key | None, end_user: str) -> tuple[_Level, ...]:
        levels = self._of_key(key).levels if key is not None else ()
        customer = self._of("end_user", end_user) if end_user else None
        return levels if customer is None else (*levels, _Level("end_user", customer.models))

    def _of_key(self, key: Key) -> _Known:
        known = self._known.get(key.token)
        if known is None or known.key is not key or known.generation != self._generation:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[key.token] = self._look_around(key)
        return known

    def _look_around(self, key: Key) -> _Known:
        team = self._of("team", key.team_id) if key.team_id else None
        user, organization = self._around(key, team)
        levels = [_Level("key", key.models)]
        aliases, guardrails, tags = key.aliases, key.guardrails, key.tags
        if team is not None:
            levels.append(_Level("team", team.models))
            if key.user_id:
                levels.append(_Level("member", self._models_of_member(team, key.user_id)))
            theirs = team.extra.get("model_aliases")
            if isinstance(theirs, dict):
                aliases = {**theirs, **aliases}
            named = team.metadata.get("guardrails")
            if isinstance(named, list):
                guardrails = (*guardrails, *(str(name) for name in named))
            tags = (*tags, *team.tags)
        if user is not None and not key.team_id:  # in a team its list counts, as in LiteLLM
            levels.append(_Level("user", user.models))
        if organization is not None:
            levels.append(_Level("organization", organization.models))
        blocked = next((one for one in (team, user, organization) if one is not None and one.blocked), None)
        return _Known(key, self._generation, blocked, tuple(levels), aliases, tags, guardrails)

    def _models_of_member(self, team: Holder, user_id: str) -> Collection[str]:
        member = self._holders.get(_member_name(team.id, user_id))
        if member is None:
            return ()
        shared = self._of("budget", member.budget_id) if member.budget_id else None
        default = team.extra.get("default_team_member_models") or ()
        return member.models or (shared.models if shared is not None else ()) or default

    def _around(self, key: Key, team: Holder | None) -> tuple[Holder | None, Holder | None]:
        """Return the user and the organisation of `key`."""
        organization_id = key.organization_id or (team.organization_id if team is not None else None)
        return (
            self._of("user", key.user_id) if key.user_id else None,
            self._of("organization", organization_id) if organization_id else None,
        )

    def _of(self, kind: HolderKind, holder_id: str) -> Holder | None:
        return self._holders.get(_entry_name(kind, holder_id))
