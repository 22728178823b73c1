"""What model names mean, and which of them a key gets to see."""

from typing import Any

from services.edge.model_details.model_names import ModelNames
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.serving.model_groups import ModelGroups
from tests.router_calls import deployment

NAMES = ModelNames(
    ModelGroups(deployment(name, group=name.rstrip("2")) for name in ("gpt-4", "fast", "gpt-42")),
    {"smart": "gpt-4", "secret": "gpt-4", "dangling": "nowhere"},
    {"secret"},
    HolderAccess({}, {"beta": frozenset({"fast"})}),
)


def key(**fields: Any) -> Key:
    return Key(token="t", version=1, tenant="t", key_name="", created_at=0.0, updated_at=0.0, **fields)


def test_a_name_of_the_configuration_means_itself() -> None:
    assert NAMES.group_of("gpt-4", {}) == "gpt-4"


def test_an_alias_of_the_router_means_its_model_hidden_or_not() -> None:
    assert NAMES.group_of("smart", {}) == "gpt-4"
    assert NAMES.group_of("secret", {}) == "gpt-4"


def test_an_unknown_name_stays_as_it_is_and_is_no_group() -> None:
    assert NAMES.group_of("gpt-9", {}) == "gpt-9"
    assert NAMES.group_of("dangling", {}) == "nowhere"
    assert not NAMES.serves("gpt-9")
    assert not NAMES.serves("nowhere")
    assert NAMES.serves("gpt-4")


def test_an_alias_of_a_key_goes_before_all_others() -> None:
    assert NAMES.group_of("mine", {"mine": "fast"}) == "fast"
    assert NAMES.group_of("gpt-4", {"gpt-4": "fast"}) == "fast"
    assert NAMES.group_of("mine", {"mine": "smart"}) == "gpt-4"


def test_the_master_key_sees_every_name_once_but_the_hidden_ones() -> None:
    assert list(NAMES.usable_by(None)) == ["gpt-4", "fast", "smart", "dangling"]


def test_a_key_sees_what_it_may_use() -> None:
    assert list(NAMES.usable_by(key())) == ["gpt-4", "fast", "smart", "dangling"]
    assert list(NAMES.usable_by(key(models=("gpt-4",)))) == ["gpt-4", "smart"]
    assert list(NAMES.usable_by(key(models=("beta",)))) == ["fast"]
    assert list(NAMES.usable_by(key(models=("nothing",)))) == []


def test_a_key_sees_its_own_aliases_too() -> None:
    aliases = {"mine": "fast", "gpt-4": "fast"}
    assert list(NAMES.usable_by(key(models=("fast",), aliases=aliases))) == ["gpt-4", "fast", "mine"]
