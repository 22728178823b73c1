"""Which deployments calls pass by that go to a provider as they are, and at which prices."""

from pathlib import Path
from typing import Any

import yaml

from shared.config import load_config
from shared.serving.deployments import Deployment
from shared.serving.model_groups import model_groups_of
from shared.serving.pass_through import group_name, pass_through_deployments

OWN = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
OTHER = {"input_cost_per_token": 9e-6, "output_cost_per_token": 9e-6}


def found_for(tmp_path: Path, provider: str, model: str, *params: dict[str, Any], **info: Any) -> Deployment:
    entries = [{"model_name": f"m{number}", "litellm_params": one} for number, one in enumerate(params)]
    if info:
        entries[0]["model_info"] = info
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"model_list": entries}), encoding="utf-8")
    config = load_config(path, {})
    (found,) = model_groups_of(config, pass_through_deployments(config)).get(group_name(provider, model))
    return found


def test_the_prices_of_a_model_that_is_configured_hold_where_it_is_passed_to(tmp_path: Path) -> None:
    lender = {"model": "ollama/llama3", "api_base": "http://first"}
    told = {"model": "ollama/qwen3", "api_base": "http://second", **OWN}
    found = found_for(tmp_path, "ollama", "qwen3", lender, told)
    assert (found.model, found.api_base) == ("qwen3", "http://first"), "the address is the lender's"
    assert found.prices
    other = found_for(tmp_path, "ollama", "llama3", lender, told)
    assert (other.model, other.prices) == ("llama3", {})


def test_the_lenders_own_word_on_a_model_goes_before_others(tmp_path: Path) -> None:
    first = {"model": "openai/gpt-4o", "api_key": "a", **OTHER}
    lender = {"model": "openai/gpt-4o", "api_key": "b", "use_in_pass_through": True, **OWN}
    alone = found_for(tmp_path, "openai", "gpt-4o", lender)
    both = found_for(tmp_path, "openai", "gpt-4o", first, lender)
    assert (both.api_key, both.prices) == ("b", alone.prices)


def test_a_name_of_ones_own_is_priced_as_what_it_stands_for(tmp_path: Path) -> None:
    azure = {"model": "azure/our-deployment", "api_base": "http://azure", "api_key": "k"}
    found = found_for(tmp_path, "azure", "our-deployment", azure, base_model="azure/gpt-4o")
    assert (found.model, found.priced_as) == ("our-deployment", "gpt-4o")
