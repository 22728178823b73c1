"""Which requests a question is about, as a condition on the view `requests`."""

from typing import NamedTuple

from shared.queries import SpendFilter


class Condition(NamedTuple):
    """SQL for after WHERE, and the parameters in it."""

    sql: str
    parameters: dict[str, object]


_FIELDS = {
    "keys": "key",
    "users": "user_id",
    "teams": "team_id",
    "organizations": "organization_id",
    "end_users": "end_user",
    "models": "model",
}


def condition(wanted: SpendFilter, *, id_column: str = "request_id") -> Condition:
    """Return the condition. `id_column` is where `wanted.request_id` is looked for."""
    parts = ["1"]
    values: dict[str, object] = {}
    if wanted.start_ms is not None:
        parts.append("at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')")
        values["start_ms"] = wanted.start_ms
    if wanted.end_ms is not None:
        parts.append("at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')")
        values["end_ms"] = wanted.end_ms
    for field, column in _FIELDS.items():
        names = getattr(wanted, field)
        if names:
            parts.append(f"{column} IN {{{field}:Array(String)}}")
            values[field] = list(names)
    if wanted.tags:
        parts.append("hasAny(tags, {tags:Array(String)})")
        values["tags"] = list(wanted.tags)
    if wanted.request_id:
        parts.append(f"{id_column} = {{request_id:String}}")
        values["request_id"] = wanted.request_id
    if wanted.visible_key or wanted.visible_user:
        parts.append("(key = {visible_key:String} OR (user_id = {visible_user:String} AND user_id != ''))")
        values |= {"visible_key": wanted.visible_key, "visible_user": wanted.visible_user}
    return Condition(" AND ".join(parts), values)
