"""The hash of a batch stands for its payloads, their bounds, and all batches before."""

from hypothesis import given, strategies

from services.ledger.manifest import START_OF_CHAIN, Manifest, chain_hash, decode_manifest, encode_manifest

_payloads = strategies.lists(strategies.binary(max_size=20), max_size=5)


@given(_payloads, _payloads)
def test_other_payloads_have_another_hash(one: list[bytes], other: list[bytes]) -> None:
    assert (chain_hash(START_OF_CHAIN, one) == chain_hash(START_OF_CHAIN, other)) == (one == other)


def test_bytes_moved_from_one_payload_to_the_next_change_the_hash() -> None:
    assert chain_hash(START_OF_CHAIN, [b"ab", b"c"]) != chain_hash(START_OF_CHAIN, [b"a", b"bc"])


def test_the_hash_covers_the_batches_before() -> None:
    first = chain_hash(START_OF_CHAIN, [b"a"])
    changed = chain_hash(START_OF_CHAIN, [b"b"])
    assert chain_hash(first, [b"c"]) != chain_hash(changed, [b"c"])


def test_the_hash_is_the_documented_one() -> None:
    """Whoever exported a hash must be able to check it for ever: SHA-256 of 32 zero bytes, the length, the payload."""
    assert chain_hash(START_OF_CHAIN, [b"a"]) == "00f87f5348b32d1caf5e59cbfadc31d568b7b2d04679e0d52b5aad8c5d4dfeed"


def test_a_manifest_survives_the_stream_and_names_its_insert() -> None:
    manifest = Manifest(epoch=2, first=5, last=9, count=5, prev_hash=START_OF_CHAIN, hash="ab", writer="ledger-1")
    assert decode_manifest(encode_manifest(manifest)) == manifest
    assert manifest.token("FACTS") == "FACTS:2:5-9"
