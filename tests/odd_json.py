"""JSON that nobody expects: made of the names of a chat's fields, or in the places of a request that is right."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

_NAMES = [
    "arguments",
    "content",
    "delta",
    "effort",
    "function",
    "id",
    "index",
    "name",
    "role",
    "text",
    "tool_calls",
    "type",
    "url",
]

odd_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=8,
)

OTHER_VALUES: list[Any] = [
    *(None, True, 0, 5, 1.5, "", "x"),
    *([], [5], ["x"], [None], [[]], [{"a": 1}]),
    *({}, {"type": "x"}, {"type": 5}),
]


def places_in(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in named:
        yield (*place, name)
        yield from places_in(inner, (*place, name))


def with_another(body: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    holder: Any = changed
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    return changed
