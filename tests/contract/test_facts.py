"""Every fact ever published must be readable for ever, and mean the same."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import shared.facts.batch
import shared.facts.budget
import shared.facts.completion
import shared.facts.control
import shared.facts.holders
import shared.facts.request
from shared.facts.header import Fact, encode_fact
from shared.facts.registry import ALL_FACTS, KNOWN, UnreadableFact, by_kind, decode_fact

SAMPLES = Path(__file__).parent / "facts"
EVENTS_PAGE = Path(__file__).parents[2] / "docs" / "events.md"

every_fact = pytest.mark.parametrize("fact", ALL_FACTS, ids=lambda fact: f"{fact.KIND}.v{fact.VERSION}")


def sample_of(fact: type[Fact]) -> Any:
    return json.loads((SAMPLES / f"{fact.KIND}.v{fact.VERSION}.json").read_bytes())


def assert_still_says(read: Any, sample: Any, where: str) -> None:
    """Fields with a default may have been added since; what the sample says must be there unchanged."""
    if isinstance(sample, dict):
        assert isinstance(read, dict), where
        for name, value in sample.items():
            assert name in read, f"{where}.{name} is gone"
            assert_still_says(read[name], value, f"{where}.{name}")
    elif isinstance(sample, list):
        assert len(read) == len(sample), where
        for number, (one, other) in enumerate(zip(read, sample, strict=True)):
            assert_still_says(one, other, f"{where}[{number}]")
    else:
        assert read == sample, where


@every_fact
def test_a_published_fact_is_read_as_it_was_written(fact: type[Fact]) -> None:
    sample = sample_of(fact)
    read = decode_fact(json.dumps(sample).encode())
    assert type(read) is fact
    assert_still_says(json.loads(encode_fact(read)), sample, fact.KIND)


@every_fact
def test_a_sample_has_something_in_every_field_of_its_version(fact: type[Fact]) -> None:
    sample = sample_of(fact)
    required = {name for name, field in fact.model_fields.items() if field.is_required()}
    assert required <= sample.keys()
    assert sample["kind"] == fact.KIND
    assert sample["v"] == fact.VERSION
    assert sample.keys() <= fact.model_fields.keys()


@every_fact
def test_a_fact_with_fields_of_a_later_release_is_still_read(fact: type[Fact]) -> None:
    sample = {**sample_of(fact), "new_field": {"a": 1}}
    assert type(decode_fact(json.dumps(sample).encode())) is fact


@every_fact
def test_a_fact_is_frozen_and_stored_under_its_kind_version_and_tenant(fact: type[Fact]) -> None:
    read = decode_fact(json.dumps(sample_of(fact)).encode())
    assert read.subject == f"evt.{fact.KIND}.v{fact.VERSION}.{read.tenant}"
    with pytest.raises(ValueError, match="frozen"):
        setattr(read, "id", "other")  # noqa: B010  the type says so too


@every_fact
def test_a_fact_without_a_required_field_is_unreadable(fact: type[Fact]) -> None:
    for name in [name for name, field in fact.model_fields.items() if field.is_required()]:
        sample = sample_of(fact)
        del sample[name]
        with pytest.raises(UnreadableFact, match=name):
            decode_fact(json.dumps(sample).encode())


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{", b"null", b"[]", b"{}", b'"key.blocked"', b"\xff", b'{"kind":"\xff"}'),
        *(b'{"kind":"key.blocked"}', b'{"kind":"key.blocked","v":2}', b'{"kind":"key.eaten","v":1}'),
        *(
            b'{"kind":"key.blocked","v":1}',
            b'{"kind":1,"v":1}',
            b'{"kind":"a","v":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        ),
    ],
)
def test_what_is_no_fact_is_unreadable_and_nothing_worse(payload: bytes) -> None:
    with pytest.raises(UnreadableFact):
        decode_fact(payload)


def test_every_sample_belongs_to_a_fact_that_is_still_known() -> None:
    files = {path.stem for path in SAMPLES.glob("*.json")}
    assert files == {f"{fact.KIND}.v{fact.VERSION}" for fact in ALL_FACTS}


def test_every_fact_there_is_is_registered_once() -> None:
    defined = set()
    modules = (shared.facts.request, shared.facts.completion, shared.facts.control, shared.facts.holders)
    for module in (*modules, shared.facts.budget, shared.facts.batch):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Fact) and "KIND" in vars(found):
                defined.add(found)
    assert defined == set(ALL_FACTS)
    assert len(KNOWN) == len(ALL_FACTS)
    assert by_kind() == {}


@every_fact
def test_the_page_of_facts_names_it(fact: type[Fact]) -> None:
    assert f"`{fact.KIND}` v{fact.VERSION}" in EVENTS_PAGE.read_text(encoding="utf-8")
