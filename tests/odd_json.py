"""JSON with the names of a chat's fields in places where nobody expects them."""

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
