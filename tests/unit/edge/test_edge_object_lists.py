"""Which page of one's files and batches a list is to show."""

import pytest

from services.edge.objects.lists import page_in
from shared.errors import InvalidRequest
from shared.kept.object_calls import Kind, Page


@pytest.mark.parametrize(
    ("kind", "query", "page"),
    [
        ("file", b"", Page(10_000)),
        ("batch", b"", Page(20)),
        ("file", b"limit=2&after=file-1&order=asc&purpose=batch", Page(2, "file-1", True, "batch")),
        ("batch", b"limit=100&order=asc&purpose=batch", Page(100)),
        ("file", b"purpose=a%20b&unheard=of", Page(10_000, purpose="a b")),
    ],
)
def test_a_list_shows_what_its_query_asks_for(kind: Kind, query: bytes, page: Page) -> None:
    assert page_in(kind, query) == page


@pytest.mark.parametrize(
    ("kind", "query", "param"),
    [
        ("file", b"limit=0", "limit"),
        ("file", b"limit=10001", "limit"),
        ("batch", b"limit=101", "limit"),
        ("batch", b"limit=-1", "limit"),
        ("batch", b"limit=many", "limit"),
        ("batch", b"limit=1000000000000", "limit"),
        ("file", b"order=random", "order"),
    ],
)
def test_what_no_list_has_is_named(kind: Kind, query: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        page_in(kind, query)
    assert refused.value.param == param
