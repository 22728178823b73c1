"""The embedded ClickHouse's pieces that need no engine: bodies, forms, requests, sessions, slots, sizes."""

import asyncio
import gzip
import zlib

import lz4.frame
import pytest
import zstandard

from services.ledger.embedded.bodies import COMPRESS_FROM_BYTES, compress_answer, decompress_onto
from services.ledger.embedded.failure import QueryFailed, engine_failure
from services.ledger.embedded.form import is_form, read_form
from services.ledger.embedded.lanes import Lane
from services.ledger.embedded.native import empty_block
from services.ledger.embedded.request import read_fields, read_request
from services.ledger.embedded.sessions import SESSIONS, STATEMENTS, Sessions
from services.ledger.embedded.sizing import sizing_for

MIB = 1024 * 1024
PACKERS = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


def unpack(body: bytes, encoding: str, limit_bytes: int = 10 * MIB) -> bytes:
    text = bytearray()
    decompress_onto(text, body, encoding, limit_bytes=limit_bytes)
    return bytes(text)


@pytest.mark.parametrize("encoding", list(PACKERS))
def test_frames_in_a_row_are_one_body(encoding: str) -> None:
    pack = PACKERS[encoding]
    parts = [b"", b"a" * 100_000, bytes(range(256)) * 100, b"end"]
    assert unpack(b"".join(map(pack, parts)), encoding) == b"".join(parts)


@pytest.mark.parametrize("encoding", list(PACKERS))
def test_a_cut_body_is_an_error(encoding: str) -> None:
    whole = PACKERS[encoding](bytes(range(256)) * 100)
    for cut in (1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(QueryFailed) as failed:
            unpack(whole[:cut], encoding)
        assert failed.value.code == 33


@pytest.mark.parametrize("encoding", list(PACKERS))
def test_a_body_that_unfolds_beyond_the_limit_is_stopped(encoding: str) -> None:
    with pytest.raises(QueryFailed) as failed:
        unpack(PACKERS[encoding](bytes(5 * MIB)), encoding, limit_bytes=MIB)
    assert (failed.value.code, failed.value.status) == (229, 413)


def test_what_is_not_in_its_encoding_or_in_none_of_ours_is_told() -> None:
    for encoding in PACKERS:
        with pytest.raises(QueryFailed) as failed:
            unpack(b"INSERT INTO t FORMAT CSV\n1", encoding)
        assert (failed.value.code, failed.value.status) == (271, 400)
    with pytest.raises(QueryFailed, match="br is not supported: use lz4") as failed:
        unpack(b"x", "br")
    assert (failed.value.code, failed.value.status) == (48, 501)


def test_answers_are_compressed_only_when_large_and_wanted() -> None:
    large = b"x" * COMPRESS_FROM_BYTES
    assert compress_answer(large, "") == (large, "")
    assert compress_answer(large[1:], "gzip") == (large[1:], "")
    assert compress_answer(large, "br, identity;q=0") == (large, "")
    packed, encoding = compress_answer(large, "gzip;q=0.5, zstd, lz4")
    assert (encoding, lz4.frame.decompress(packed)) == ("lz4", large)


def test_a_form_stands_for_the_url() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="param_a"\r\nContent-Type: text/plain\r\n\r\n\xc3\xa4\r\n'
        b"--b--\r\n"
    )
    assert is_form("multipart/form-data; boundary=b")
    assert not is_form("application/x-www-form-urlencoded")
    assert read_form("multipart/form-data; boundary=b", body) == {"query": "SELECT {a:String}", "param_a": "ä"}


def test_external_data_and_broken_forms_are_refused() -> None:
    file = b'--b\r\nContent-Disposition: form-data; name="ids"; filename="ids.tsv"\r\n\r\n1\n\r\n--b--\r\n'
    with pytest.raises(QueryFailed, match=r"External data \(ids\)"):
        read_form("multipart/form-data; boundary=b", file)
    with pytest.raises(QueryFailed, match="boundary"):
        read_form("multipart/form-data", file)


def test_the_url_tells_settings_from_the_rest() -> None:
    fields = read_fields(
        b"query=SELECT+1%0A&database=gw&param_n=7&max_threads=1&session_id=s&session_timeout=5&wait_end_of_query=1"
        b"&enable_http_compression=1&query_id=q&client_protocol_version=54405"
    )
    request = read_request("POST", fields, {b"accept-encoding": b"lz4"})
    assert request.query == b"SELECT 1"
    assert (request.database, request.query_id, request.session_id, request.session_timeout_s) == ("gw", "q", "s", 5)
    assert request.parameters == {"n": "7"}
    assert request.settings == {"max_threads": "1"}
    assert (request.accept_encoding, request.read_only, request.cancel_on_leave) == ("lz4", False, False)


@pytest.mark.parametrize(
    ("query_string", "named"),
    [(b"compress=1", "compress"), (b"a%3D1%3Bb=1", "a=1;b"), (b"session_timeout=soon", "session_timeout")],
)
def test_a_parameter_that_cannot_be_is_named(query_string: bytes, named: str) -> None:
    with pytest.raises(QueryFailed, match=named):
        read_request("POST", read_fields(query_string), {})


def test_a_session_keeps_what_was_set_in_order_until_it_is_over() -> None:
    sessions = Sessions()
    for statement in (b"SET a = 1", b"USE x", b"SET a = 2", b"USE x"):
        sessions.remember("s", statement, timeout_s=60, now=0)
    assert sessions.statements("s", timeout_s=60, must_exist=True, now=59) == (b"SET a = 1", b"SET a = 2", b"USE x")
    assert len(sessions.statements("s", timeout_s=60, must_exist=True, now=118)) == 3
    with pytest.raises(QueryFailed) as failed:
        sessions.statements("s", timeout_s=60, must_exist=True, now=179)
    assert failed.value.code == 372
    assert sessions.statements("s", timeout_s=60, must_exist=False, now=179) == ()


def test_sessions_have_bounds() -> None:
    sessions = Sessions()
    for n in range(STATEMENTS):
        sessions.remember("s", b"SET a = %d" % n, timeout_s=60, now=0)
    with pytest.raises(QueryFailed, match="begin a new session"):
        sessions.remember("s", b"SET b = 1", timeout_s=60, now=0)
    for n in range(SESSIONS):
        sessions.remember(f"s{n}", b"SET a = 1", timeout_s=60, now=0)
    assert sessions.statements("s", timeout_s=60, must_exist=False, now=0) == ()


async def test_who_waits_too_long_for_a_slot_is_told_to_come_back() -> None:
    lane = Lane("queries", slots=1, waiting=1, wait_s=0.05)
    async with lane.slot():
        with pytest.raises(QueryFailed, match=r"none became free within 0\.05 s") as failed:
            async with lane.slot():
                pass
        assert (failed.value.code, failed.value.status) == (202, 503)
    async with lane.slot():
        pass


async def test_only_so_many_may_wait_for_a_slot() -> None:
    lane = Lane("queries", slots=1, waiting=1, wait_s=5)
    order = []

    async def take(name: str) -> None:
        async with lane.slot():
            order.append(name)
            await asyncio.sleep(0.02)

    async with lane.slot():
        waiting = asyncio.create_task(take("second"))
        await asyncio.sleep(0.01)
        with pytest.raises(QueryFailed, match="too many wait already"):
            await take("third")
    await waiting
    await take("fourth")
    assert order == ["second", "fourth"]


@pytest.mark.parametrize(("gib", "server_gib"), [(1, 1), (2, 1), (16, 4), (256, 8)])
def test_the_engine_takes_a_quarter_of_the_memory(gib: int, server_gib: int) -> None:
    sizing = sizing_for(memory_bytes=gib * 1024 * MIB, cores=2)
    assert sizing.server_memory == server_gib * 1024 * MIB
    assert sizing.query_memory < sizing.server_memory
    assert sizing.body_bytes <= 256 * MIB


def test_an_empty_block_has_names_and_types() -> None:
    assert empty_block([("a", "UInt8"), ("ü" * 100, "String")]) == (
        b"\x02\x00\x01a\x05UInt8\xc8\x01" + "ü".encode() * 100 + b"\x06String"
    )


def test_an_engine_message_without_a_code_is_still_a_clickhouse_error() -> None:
    failure = engine_failure("out of luck")
    assert (failure.code, failure.status) == (1001, 500)
    assert failure.text == "Code: 1001. DB::Exception: out of luck (STD_EXCEPTION)"
