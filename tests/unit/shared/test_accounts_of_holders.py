"""An account has one name, spelt alike wherever it is asked for, and no two accounts share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity.holders import Window, account_of

HOURLY = Window(1, "1h", listed=True)


@pytest.mark.parametrize(
    ("kind", "window", "name"),
    [
        ("key", None, "id"),
        ("key", Window(1, "30d"), "id"),
        ("key", HOURLY, "key@1h:id"),
        ("key", Window(1, "1d", model="gpt-4o"), "key~gpt-4o:id"),
        ("team", None, "team:id"),
        ("team", Window(1, "30d"), "team:id"),
        ("team", HOURLY, "team@1h:id"),
        ("team", Window(1, "1d", model="ollama/llama3:8b"), "team~ollama%2Fllama3%3A8b:id"),
        ("end_user", Window(1, "1d", model="m", listed=True), "end_user~m@1d:id"),
        ("provider", None, "provider:id"),
    ],
)
def test_an_account_is_named_by_kind_window_and_holder(kind: str, window: Window | None, name: str) -> None:
    assert account_of(kind, "id", window) == name  # type: ignore[arg-type]


def test_a_long_id_of_a_client_makes_no_long_name() -> None:
    assert len(account_of("end_user", "x" * 100_000)) < 90
    assert account_of("end_user", "x" * 129) != account_of("end_user", "x" * 130)


windows = st.builds(
    Window, st.just(1), st.sampled_from(["", "1h", "1d"]), model=st.text(max_size=5), listed=st.booleans()
)


@given(st.sampled_from(["team", "user"]), st.text(max_size=5), windows, st.text(max_size=5), windows)
def test_two_accounts_never_share_a_name(kind: str, one: str, first: Window, other: str, second: Window) -> None:
    def told(holder: str, window: Window) -> tuple[str, str, str]:
        return holder, window.model, window.duration if window.listed else ""

    same_name = account_of(kind, one, first) == account_of(kind, other, second)  # type: ignore[arg-type]
    if first.listed == second.listed:
        assert same_name == (told(one, first) == told(other, second))
    else:
        assert not same_name
