"""Where a key may stand in a request, and whom it belongs to."""

import hashlib

import msgspec
import pytest

from services.edge.identify import Identities, key_id, key_in
from shared.errors import AuthenticationFailed
from shared.identity.keys import MASTER_KEY_ID, Key, token_of

MASTER = "sk-master"


def virtual_key(secret: str) -> Key:
    token = hashlib.sha256(secret.encode()).hexdigest()
    return Key(token=token, version=1, tenant=token, key_name="sk-...", created_at=0.0, updated_at=0.0)


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer sk-1"},
        {b"authorization": b"bearer sk-1"},
        {b"authorization": b"BEARER   sk-1 "},
        {b"authorization": b"Basic sk-1"},
        {b"x-api-key": b"sk-1"},
        {b"api-key": b"sk-1"},
        {b"x-litellm-api-key": b"sk-1"},
        {b"x-litellm-api-key": b"Bearer sk-1"},
        {b"x-goog-api-key": b"sk-1"},
        {b"ocp-apim-subscription-key": b"sk-1"},
        {b"api-key": b"Bearer sk-1"},
        {b"x-api-key": b"  sk-1  "},
    ],
)
def test_a_key_is_read_from_every_header_litellm_reads(headers: dict[bytes, bytes]) -> None:
    assert key_in(headers) == "sk-1"


def test_where_several_headers_hold_a_key_litellms_order_decides() -> None:
    headers = {
        b"x-own": b"sk-own",
        b"x-litellm-api-key": b"sk-litellm",
        b"authorization": b"Bearer sk-authorization",
        b"api-key": b"sk-azure",
        b"x-api-key": b"sk-anthropic",
    }
    found = []
    for name in list(headers):
        found.append(key_in(headers, b"x-own"))
        del headers[name]
    assert found == ["sk-own", "sk-litellm", "sk-authorization", "sk-azure", "sk-anthropic"]


def test_the_operators_own_header_is_read_with_and_without_bearer() -> None:
    assert key_in({b"x-own": b"sk-1"}, b"x-own") == "sk-1"
    assert key_in({b"x-own": b"Bearer sk-1"}, b"x-own") == "sk-1"
    assert key_in({b"authorization": b"Bearer sk-2"}, b"x-own") == "sk-2"


@pytest.mark.parametrize("headers", [{}, {b"content-type": b"application/json"}])
def test_no_key_is_refused(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(AuthenticationFailed, match="No api key passed in") as caught:
        key_in(headers)
    assert (caught.value.status, caught.value.type) == (401, "auth_error")


@pytest.mark.parametrize("value", [b"sk-1", b"", b"Bearer", b"Bearer ", b"Digest sk-1", b"\xff\xfe"])
def test_an_authorization_header_without_bearer_is_refused(value: bytes) -> None:
    with pytest.raises(AuthenticationFailed, match="Ensure Key has `Bearer ` prefix"):
        key_in({b"authorization": value, b"x-api-key": b"sk-1"})


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer hello"},
        {b"authorization": b"Bearer Bearer sk-1"},
        {b"x-api-key": b""},
        {b"x-api-key": b"SK-1"},
        {b"api-key": b"\xff\x00"},
        {b"x-litellm-api-key": "ключ".encode()},
        {b"x-own": b"hello"},
    ],
)
def test_what_is_not_written_like_a_key_is_refused_without_repeating_it(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(AuthenticationFailed, match=r"Received=\*\*\*\*, expected to start with 'sk-'") as caught:
        Identities({}, MASTER, now).of(key_in(headers, b"x-own"))
    assert "hello" not in caught.value.message


def test_a_key_that_is_no_ascii_is_unknown_not_a_failure() -> None:
    identities = Identities({}, MASTER, now)
    with pytest.raises(AuthenticationFailed, match="Unable to find token"):
        identities.of(key_in({b"authorization": b"Bearer sk-\xff\xe9"}))


def test_a_virtual_key_is_found_by_its_hash() -> None:
    key = virtual_key("sk-1")
    identities = Identities({key.token: key}, MASTER, now)
    assert identities.of("sk-1") is key
    assert key_id(key) == key.token


def now() -> float:
    return 1_795_435_200.0


def test_the_master_key_belongs_to_nobody() -> None:
    assert Identities({}, MASTER, now).of(MASTER) is None
    assert key_id(None) == MASTER_KEY_ID


def test_a_master_key_may_be_written_in_any_way() -> None:
    identities = Identities({}, "correct horse battery staple", now)
    assert identities.of(key_in({b"authorization": b"Bearer correct horse battery staple"})) is None
    with pytest.raises(AuthenticationFailed):
        identities.of("correct horse")


def test_an_unknown_key_is_refused_naming_no_more_than_its_end_and_hash() -> None:
    secret = "sk-0123456789abcdef"
    with pytest.raises(AuthenticationFailed) as caught:
        Identities({}, MASTER, now).of(secret)
    failure = caught.value
    assert (failure.status, failure.type, failure.param) == (401, "token_not_found_in_db", "key")
    assert secret not in failure.message
    assert hashlib.sha256(secret.encode()).hexdigest() in failure.message


def test_the_hash_of_a_key_is_not_a_key() -> None:
    key = virtual_key("sk-1")
    with pytest.raises(AuthenticationFailed):
        Identities({key.token: key}, MASTER, now).of(key_in({b"authorization": b"Bearer " + key.token.encode()}))


def test_a_key_that_appears_later_is_known_at_once() -> None:
    entries: dict[str, Key] = {}
    identities = Identities(entries, MASTER, now)
    with pytest.raises(AuthenticationFailed):
        identities.of("sk-1")
    key = virtual_key("sk-1")
    entries[key.token] = key
    assert identities.of("sk-1") is key
    del entries[key.token]
    with pytest.raises(AuthenticationFailed):
        identities.of("sk-1")


def test_a_key_is_known_by_its_present_secret_and_by_former_ones_while_they_count() -> None:
    second, third = token_of("sk-2"), token_of("sk-3")
    first = virtual_key("sk-1")
    key = msgspec.structs.replace(first, secret=third, retired=((second, 100.0),))
    clock = [99.0]
    identities = Identities(dict.fromkeys((key.token, second, third), key), MASTER, lambda: clock[0])
    assert identities.of("sk-3") is identities.of("sk-2") is key
    for name in ("sk-1", "sk-2", "sk-3", third):
        assert identities.token(name) == first.token
    assert identities.token("sk-4") == token_of("sk-4")
    with pytest.raises(AuthenticationFailed):
        identities.of("sk-1")
    clock[0] = 100.0
    with pytest.raises(AuthenticationFailed):
        identities.of("sk-2")
