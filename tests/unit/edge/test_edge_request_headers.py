"""What a client may wish by headers."""

import json

import pytest

from services.edge.http.request_headers import END_USER_HEADERS, Wishes, wishes_in
from shared.errors import InvalidRequest


def test_no_headers_are_no_wishes() -> None:
    assert wishes_in({}) == Wishes(b"", "", "", "", (), None, None, b"")


def test_all_wishes_are_read() -> None:
    wishes = wishes_in(
        {
            b"x-request-id": b"mine-1",
            b"user-agent": b"curl/8",
            b"x-litellm-session-id": b"s1",
            b"x-litellm-end-user-id": b"ann",
            b"x-litellm-tags": b"a, b,,c ",
            b"x-litellm-num-retries": b"2",
            b"x-litellm-timeout": b"1.5",
            b"x-litellm-spend-logs-metadata": b'{"team": "x"}',
        }
    )
    assert wishes == Wishes(b"mine-1", "curl/8", "s1", "ann", ("a", "b", "c"), 2, 1.5, b'{"team":"x"}')


def test_litellms_other_names_are_read_too() -> None:
    wishes = wishes_in({b"x-litellm-trace-id": b"t1", b"x-litellm-customer-id": b"bob"})
    assert (wishes.session_id, wishes.end_user) == ("t1", "bob")


def test_names_of_any_script_are_read() -> None:
    assert wishes_in({b"x-litellm-end-user-id": "жанна".encode()}).end_user == "жанна"
    assert wishes_in({b"x-litellm-end-user-id": b"fran\xe7oise"}).end_user == "françoise"
    assert wishes_in({b"x-litellm-tags": "équipe,チーム".encode()}).tags == ("équipe", "チーム")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-litellm-num-retries", b"many"),
        (b"x-litellm-num-retries", b"-1"),
        (b"x-litellm-num-retries", b"1.5"),
        (b"x-litellm-num-retries", b"nan"),
        (b"x-litellm-num-retries", b"1e30"),
        (b"x-litellm-num-retries", b""),
        (b"x-litellm-timeout", b"soon"),
        (b"x-litellm-timeout", b"0"),
        (b"x-litellm-timeout", b"-3"),
        (b"x-litellm-timeout", b"inf"),
        (b"x-litellm-timeout", b"\xff"),
        (b"x-litellm-tags", b"t" * 16_001),
        (b"x-litellm-session-id", b"s" * 2_001),
        (b"x-litellm-end-user-id", b"e" * 2_001),
        (b"x-litellm-spend-logs-metadata", b"team=x"),
        (b"x-litellm-spend-logs-metadata", b'["a"]'),
        (b"x-litellm-spend-logs-metadata", b'{"a":"\xff"}'),
        (b"x-litellm-spend-logs-metadata", b'{"a":' * 300 + b"1" + b"}" * 300),
        (b"x-litellm-spend-logs-metadata", b'{"a":"' + b"x" * 70_000 + b'"}'),
    ],
)
def test_a_wish_that_cannot_be_read_is_refused_with_the_headers_name(name: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRequest, match=name.decode()) as caught:
        wishes_in({name: value})
    assert (caught.value.status, caught.value.param) == (400, name.decode())


@pytest.mark.parametrize("value", [b"0", b"-3", b"soon", b"inf", b"1e-400"])
def test_a_time_that_is_none_is_told_what_one_is(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must be a number of more than 0 seconds"):
        wishes_in({b"x-litellm-timeout": value})


@pytest.mark.parametrize("value", [b"-1", b"1.5", b"101"])
def test_retries_are_told_from_where_to_where_they_go(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must be a whole number from 0 to 100"):
        wishes_in({b"x-litellm-num-retries": value})


def test_what_only_identifies_is_cut_where_it_is_too_long() -> None:
    wishes = wishes_in({b"x-request-id": b"r" * 10_000, b"user-agent": b"u" * 10_000})
    assert (len(wishes.request_id), len(wishes.user_agent)) == (200, 1_000)


def test_metadata_of_the_header_goes_before_the_bodys() -> None:
    assert wishes_in({b"x-litellm-spend-logs-metadata": b'{"a": 1}'}).metadata_json({"b": 2}) == b'{"a":1}'
    assert wishes_in({}).metadata_json({"b": 2}) == b'{"b":2}'
    assert wishes_in({}).metadata_json(None) == b""
    assert wishes_in({}).metadata_json({}) == b""


@pytest.mark.parametrize("metadata", ['{"a": 1180591620717411303424}', '{"a":' * 300 + "1" + "}" * 300])
def test_metadata_that_cannot_be_kept_is_refused_with_the_fields_name(metadata: str) -> None:
    with pytest.raises(InvalidRequest, match=r"metadata\.spend_logs_metadata cannot be kept") as caught:
        wishes_in({}).metadata_json(json.loads(metadata))
    assert caught.value.param == "metadata.spend_logs_metadata"


@pytest.mark.parametrize(
    ("headers", "end_user"),
    [
        ({b"x-litellm-end-user-id": b" ann "}, "ann"),
        ({b"x-litellm-end-user-id": b"ann", b"x-litellm-customer-id": b"bob", b"x-app-user": b"eve"}, "ann"),
        ({b"x-litellm-end-user-id": b"  ", b"x-app-user": b"eve"}, "eve"),
        ({b"x-litellm-end-user-id": b"  "}, ""),
        ({b"x-app-user": b"eve"}, "eve"),
    ],
)
def test_the_first_header_that_names_an_end_user_counts_and_a_blank_one_names_nobody(
    headers: dict[bytes, bytes], end_user: str
) -> None:
    """Else a blank header would lead past the budget of whom the body names."""
    assert wishes_in(headers, (*END_USER_HEADERS, b"x-app-user")).end_user == end_user
