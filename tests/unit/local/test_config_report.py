"""What check-config says of deployments, for every kind of provider and without a call to any."""

from pathlib import Path
from typing import Any

import pytest

from services.local.config_report import config_report
from services.router.providers.supported import supported_providers
from shared.config import parse_config

NEEDS = {"watsonx": {"project_id": "p"}, "azure": {}, "cloudflare": {}}


def state(environ: dict[str, str], **params: Any) -> str:
    config = parse_config({"model_list": [{"model_name": "m", "litellm_params": params}]}, environ)
    lines = config_report(Path("config.yaml"), config, environ).lines
    return next(line for line in lines if line.startswith("m  ")).split("  ")[-1].strip()


@pytest.mark.parametrize("name", [each.name for each in supported_providers()])
def test_a_deployment_with_its_key_is_ready_whatever_its_provider_can_do(name: str) -> None:
    params = {"model": f"{name}/some-model", "api_key": "k", "api_base": "https://own.example", **NEEDS.get(name, {})}
    assert state({"AWS_REGION": "eu-west-1"}, **params).startswith("ready")


@pytest.mark.parametrize("name", ["voyage", "deepgram", "elevenlabs", "watsonx", "cohere"])
def test_a_missing_key_is_named(name: str) -> None:
    variable = next(each.key_env[0] for each in supported_providers() if each.name == name)
    assert variable in state({}, model=f"{name}/m", api_base="https://own.example", **NEEDS.get(name, {}))


def test_who_signs_in_is_not_called_for_it() -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "aws_region_name": "eu-west-1"}
    assert state({}, model="bedrock/anthropic.claude-3-haiku", **keys) == "ready to sign in"
