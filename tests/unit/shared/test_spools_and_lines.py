"""Bodies in pieces: kept, read, and taken apart into lines."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity.owner_names import owner_of
from shared.payloads import line_reader
from shared.payloads.line_reader import LineReader, LineTooLong
from shared.payloads.spool import MEMORY_BYTES_MAX, PART_BYTES, Spool


def test_a_spool_gives_back_what_it_got_in_memory_and_beyond() -> None:
    for size in (0, 10, MEMORY_BYTES_MAX + PART_BYTES + 7):
        content = bytes(range(256)) * (size // 256 + 1)
        content = content[:size]
        spool = Spool()
        for start in range(0, size, 100_000):
            spool.append(content[start : start + 100_000])
            assert spool.read(0, 3) == content[:3]  # reading in between moves nothing
        assert b"".join(spool.parts()) == content
        assert (len(spool), spool.sha256) == (size, hashlib.sha256(content).hexdigest())
        assert spool.read(size - 3 if size else 0, 10) == content[-3:]
        spool.close()


@given(
    lines=st.lists(st.binary(max_size=20).filter(lambda each: b"\n" not in each), max_size=20), cut=st.integers(1, 9)
)
def test_lines_are_the_same_however_they_come(lines: list[bytes], cut: int) -> None:
    content = b"\n".join(lines)
    reader = LineReader()
    found = [each for at in range(0, len(content), cut) for each in reader.feed(content[at : at + cut])]
    found += reader.end()
    assert found == [(number, each.strip()) for number, each in enumerate(lines, start=1) if each.strip()]


def test_a_line_that_is_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_reader, "LINE_BYTES_MAX", 1_048_576)
    reader = LineReader()
    list(reader.feed(b"a\n"))
    with pytest.raises(LineTooLong, match="line 2 has more than 1 MB"):
        list(reader.feed(bytes(1_048_577)))


def test_an_object_belongs_to_a_user_in_a_team_else_to_the_team_else_to_the_key() -> None:
    assert owner_of("k", "u", "t") == "user:t:u"
    assert owner_of("k", "u", "") == "user::u"
    assert owner_of("k", "", "t") == "team:t"
    assert owner_of("k", "", "") == "key:k"
    assert owner_of("litellm_proxy_master_key", "default_user_id", "") == "master"
