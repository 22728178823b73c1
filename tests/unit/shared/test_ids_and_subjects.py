"""Ids and subjects: legal everywhere, in order, and never colliding."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared import subjects
from shared.ids import new_id

LEGAL_SUBJECT = re.compile(r"[^\s.*>\x00-\x20\x7f]+(\.[^\s.*>\x00-\x20\x7f]+)*", re.ASCII)
TENANTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def test_an_id_is_a_prefix_and_26_characters_that_are_legal_in_a_subject() -> None:
    for _ in range(1_000):
        assert re.fullmatch(r"req_[0-9a-hjkmnp-tv-z]{26}", new_id("req"))


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = []
    for _ in range(5):
        made.append(new_id("req"))
        time.sleep(0.002)
    assert made == sorted(made)


def test_ids_of_the_same_moment_are_different() -> None:
    assert len({new_id("req") for _ in range(20_000)}) == 20_000


@given(TENANTS)
@example("")
@example("a.b")
@example("*")
@example(">")
@example("a b\r\n")
@example("x" * 64)
@example("x" * 65)
@example("~" + "a" * 32)
@example("ÄÖ")
def test_every_name_becomes_one_legal_token(name: str) -> None:
    token = subjects.token(name)
    assert LEGAL_SUBJECT.fullmatch(token)
    assert "." not in token
    assert len(token) <= 64
    assert subjects.token(name) == token  # every time


@given(TENANTS, TENANTS)
def test_different_names_have_different_tokens(one: str, other: str) -> None:
    assert (subjects.token(one) == subjects.token(other)) == (one == other)


def test_a_legal_name_stays_itself() -> None:
    for name in ("team-1", "a" * 64, "0", "_x-Y"):
        assert subjects.token(name) == name


@given(st.sampled_from(["request.received", "completion.finished", "key.generated"]), st.integers(1, 9), TENANTS)
def test_every_fact_has_a_legal_subject_that_its_stream_captures(kind: str, version: int, tenant: str) -> None:
    subject = subjects.fact(kind, version, tenant)
    assert LEGAL_SUBJECT.fullmatch(subject)
    assert subject.startswith(f"evt.{kind}.v{version}.")
    assert subject.count(".") == 4
    assert subject.startswith(subjects.FACTS_SUBJECTS.rstrip(">"))
    assert subject.startswith(subjects.facts_of_kind(kind).rstrip(">"))


@given(st.integers(0, 4_096), st.integers(1, 64))
def test_every_subject_of_a_process_or_partition_is_legal(partition: int, number: int) -> None:
    process, request = f"edge-{number:08x}", new_id("req")
    for subject in (
        subjects.admit(partition),
        subjects.account(partition),
        subjects.journal(partition),
        subjects.lend(partition),
        subjects.recall(partition),
        subjects.repay(partition),
        subjects.control("key_generate"),
        subjects.query("spend_logs"),
        subjects.frames(process, request),
        subjects.body(process, request),
        subjects.undelivered(process),
        subjects.cancel(process),
        subjects.heartbeat("edge"),
        subjects.acks(process),
        subjects.COMPLETE,
        subjects.MANIFEST,
    ):
        assert LEGAL_SUBJECT.fullmatch(subject)


def test_what_is_asked_with_an_answer_is_captured_by_no_stream() -> None:
    captured = [subjects.FACTS_SUBJECTS, subjects.CONTROL_SUBJECTS, subjects.JOURNAL_SUBJECTS, subjects.MANIFEST]
    roots = {pattern.split(".")[0] for pattern in captured}
    commands = [
        subjects.admit(0),
        subjects.COMPLETE,
        subjects.control("x"),
        subjects.query("x"),
        subjects.body("a", "b"),
    ]
    assert not roots & {command.split(".")[0] for command in commands}


@given(TENANTS, st.integers(1, 256))
def test_a_tenant_is_always_decided_for_by_the_same_partition(tenant: str, partitions: int) -> None:
    assert 0 <= subjects.partition_of(tenant, partitions) < partitions
    assert subjects.partition_of(tenant, partitions) == subjects.partition_of(tenant, partitions)


@pytest.mark.parametrize(("tenant", "partition"), [("team-1", 9), ("", 0), ("litellm_proxy_master_key", 7), ("é", 14)])
def test_the_partition_of_a_tenant_is_the_same_in_every_release(tenant: str, partition: int) -> None:
    assert subjects.partition_of(tenant, 16) == partition


def test_tenants_are_spread_over_the_partitions() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[subjects.partition_of(f"team-{number}", 16)] += 1
    assert 700 < min(counts) <= max(counts) < 1_300
