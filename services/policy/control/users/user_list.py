"""Which users a list shows, in which order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.control import UserQuery
from shared.identity.holders import Holder


def matching(users: Iterable[Holder], query: UserQuery, members: Mapping[str, Sequence[Holder]]) -> list[Holder]:
    """`members` are the memberships of each user."""
    return [user for user in users if _matches(user, query, members.get(user.id, ()))]


def in_order(users: Iterable[Holder], query: UserQuery) -> list[Holder]:
    return sorted(users, key=lambda user: _sort_value(user, query), reverse=query.sort_order == "desc")


def _matches(user: Holder, query: UserQuery, members: Sequence[Holder]) -> bool:
    if query.role is not None and user.extra.get("user_role") != query.role:
        return False
    if query.user_ids and user.id not in query.user_ids:
        return False
    if query.user_email is not None and query.user_email.lower() not in (user.extra.get("user_email") or "").lower():
        return False
    return query.team is None or any(member.team_id == query.team for member in members)


def _sort_value(user: Holder, query: UserQuery) -> tuple[Any, str]:
    values = {
        "user_id": user.id,
        "user_email": user.extra.get("user_email") or "",
        "user_alias": user.alias or "",
        "created_at": user.created_at,
    }
    return values[query.sort_by], user.id
