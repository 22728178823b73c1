"""Wildcards as clients see them: what is served, what is listed, and to whom."""

from services.edge.model_details.model_names import ModelNames
from shared.config import parse_config
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.serving.deployments import access_groups_of, deployments_of
from shared.serving.model_groups import ModelGroups


def names(*entries: tuple[str, str], groups: tuple[str, ...] = ()) -> ModelNames:
    models = [
        {"model_name": name, "litellm_params": {"model": model}, "model_info": {"access_groups": list(groups)}}
        for name, model in entries
    ]
    config = parse_config({"model_list": models}, {})
    return ModelNames(ModelGroups(deployments_of(config)), {}, set(), HolderAccess({}, access_groups_of(config)))


def key(*models: str) -> Key:
    return Key(token="t", version=1, tenant="t", key_name="", created_at=0.0, updated_at=0.0, models=models)


def test_a_wildcard_is_listed_as_the_models_known_at_its_provider() -> None:
    listed = names(("openai/*", "openai/*"), ("mine", "groq/x")).usable_by(None)
    assert listed[0] == "mine"
    assert {"openai/gpt-4o", "openai/o3"} <= set(listed)
    assert all(name.startswith("openai/") for name in listed[1:])
    assert "openai/*" not in listed


def test_a_name_of_ones_own_in_front_of_the_star_is_kept() -> None:
    assert "mine-gpt-4o" in names(("mine-*", "openai/*")).usable_by(None)


def test_a_star_alone_lists_every_known_model_with_its_provider() -> None:
    listed = set(names(("*", "*")).usable_by(None))
    assert {"openai/gpt-4o", "mistral/mistral-large-latest"} & listed
    assert len(listed) > 400


def test_a_provider_without_a_catalogue_lists_nothing_and_serves_all() -> None:
    found = names(("hosted_vllm/*", "hosted_vllm/*"))
    assert list(found.usable_by(None)) == []
    assert found.serves("hosted_vllm/anything")
    assert list(found.patterns_usable_by(None)) == ["hosted_vllm/*"]


def test_a_key_sees_of_a_wildcard_what_it_may_use() -> None:
    found = names(("openai/*", "openai/*"), groups=("beta",))
    assert list(found.usable_by(key("openai/gpt-4o"))) == ["openai/gpt-4o"]
    assert found.allows(key("openai/*"), "openai/gpt-4o")
    assert found.allows(key("openai/*"), "gpt-4o")
    assert found.allows(key("beta"), "openai/gpt-4o")
    assert found.allows(key("beta"), "gpt-4o")
    assert not found.allows(key("beta"), "groq/llama")
    assert not found.allows(key("groq/*"), "openai/gpt-4o")
    assert list(found.patterns_usable_by(key("openai/gpt-4o"))) == []
    assert list(found.patterns_usable_by(key("openai/*"))) == ["openai/*"]
