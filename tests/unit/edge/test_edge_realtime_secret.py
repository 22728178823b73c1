"""Secrets for browsers: they say what was granted, to nobody but this gateway, and only for a while."""

import pytest

from services.edge.realtime.secret import SESSION_MAX_BYTES, Grant, Secrets
from shared.errors import AuthenticationFailed, InvalidRequest

SECRETS = Secrets("sk-master")
GRANT = Grant("k" * 64, "talk", 1_000, b'{"instructions":"Be brief."}')


def test_a_secret_says_what_was_granted() -> None:
    secret = SECRETS.seal(GRANT)
    assert secret.startswith("ek_")
    assert Secrets("sk-master").unseal(secret, 999.9) == GRANT


def test_a_secret_ends_when_it_says() -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        SECRETS.unseal(SECRETS.seal(GRANT), 1_000)
    assert refused.value.type == "expired_key"


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_nothing_of_a_secret_can_be_changed(place: int) -> None:
    secret = SECRETS.seal(GRANT)
    place = 3 + place % (len(secret) - 4)  # not the last letter, of which some bits say nothing
    other = "A" if secret[place] != "A" else "B"
    with pytest.raises(AuthenticationFailed):
        SECRETS.unseal(secret[:place] + other + secret[place + 1 :], 0)


@pytest.mark.parametrize("secret", ["ek_", "ek_.", "ek_a", "ek_68af296e8e408191a1120ab6383263c2", "ek_é.é", "ek_AA.AA"])
def test_what_is_no_secret_of_ours_is_refused(secret: str) -> None:
    with pytest.raises(AuthenticationFailed):
        SECRETS.unseal(secret, 0)


def test_a_gateway_with_another_master_key_takes_none_of_them() -> None:
    with pytest.raises(AuthenticationFailed):
        Secrets("sk-other").unseal(SECRETS.seal(GRANT), 0)


def test_a_secret_fits_into_a_header() -> None:
    secret = SECRETS.seal(Grant("k" * 64, "m" * 200, 1_000, b"s" * SESSION_MAX_BYTES))
    assert len(secret) < 8_000 - len("openai-insecure-api-key.")
    with pytest.raises(InvalidRequest):
        SECRETS.seal(Grant("", "talk", 1_000, b"s" * (SESSION_MAX_BYTES + 1)))
