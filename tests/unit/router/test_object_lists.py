"""A page of the files and batches that somebody has, in OpenAI's form."""

import json
from typing import Any

import pytest

from services.router.objects.lists import page_of
from shared.kept.object_calls import Page
from shared.kept.owned import Owned


def owned(object_id: str, purpose: str = "batch") -> Owned:
    shown = json.dumps({"id": object_id, "purpose": purpose}).encode()
    return Owned("file", object_id, "key:k", "k", "group", "model", shown=shown)


NEWEST_FIRST = [owned("c"), owned("b", "user_data"), owned("a")]


@pytest.mark.parametrize(
    ("page", "ids", "has_more"),
    [
        (Page(10), ["c", "b", "a"], False),
        (Page(2), ["c", "b"], True),
        (Page(2, "b"), ["a"], False),
        (Page(1, "c"), ["b"], True),
        (Page(10, "gone"), ["c", "b", "a"], False),
        (Page(10, "a", True), ["b", "c"], False),
        (Page(10, purpose="user_data"), ["b"], False),
        (Page(10, "a"), [], False),
    ],
)
def test_a_page_begins_behind_an_id(page: Page, ids: list[str], has_more: bool) -> None:
    shown: dict[str, Any] = json.loads(page_of(NEWEST_FIRST, page))
    assert [each["id"] for each in shown["data"]] == ids
    assert (shown["first_id"], shown["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    assert (shown["object"], shown["has_more"]) == ("list", has_more)
