"""docs/providers.md and the command line say what the code does, and every adapter stands in their list."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.local.providers_page import rewritten
from services.local.providers_report import UnknownProvider, provider_lines, providers_list
from services.router.providers.base import Provider
from services.router.providers.registry import load_providers
from services.router.providers.signing_in import SignsIn
from services.router.providers.supported import Supported, supported_providers
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment
from tests.router_calls import deployment, provider_call

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_the_page_is_that_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page, "run: make docs"


def test_every_adapter_is_listed_and_every_listed_provider_has_one() -> None:
    names = [name for each in supported_providers() for name in (each.name, *each.other_names)]
    assert len(names) == len(set(names))
    assert set(names) == load_providers({}).keys(), "a provider of its own needs a table in own_protocols.toml"


ASKING = [each for each in supported_providers() if "chat" in each.calls and each.key_env and not each.key_optional]


@pytest.mark.parametrize("each", ASKING, ids=lambda each: str(each.name))
async def test_what_a_provider_is_said_to_need_is_what_its_adapter_asks_for(
    each: Supported, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    of = deployment(provider=each.name, model="m", api_key=None, api_base="https://own.example")
    provider = load_providers({})[each.name]
    with pytest.raises(CredentialMissing) as caught:
        await _asked(provider, of)
    assert any(variable in caught.value.message for variable in (*each.key_env, *each.needs)), caught.value.message


async def _asked(provider: Provider, of: Deployment) -> None:
    if isinstance(provider, SignsIn):
        await provider.sign_in(of)
    provider.prepare(provider_call(HELLO), of)


def test_the_list_names_every_provider_with_its_variables() -> None:
    text = "\n".join(providers_list())
    for each in supported_providers():
        assert each.name in text
        assert all(variable in text for variable in each.key_env)


def test_one_provider_is_told_in_full_also_by_another_name_of_it() -> None:
    text = "\n".join(provider_lines("groq"))
    for told in ("GROQ_API_KEY", "https://api.groq.com/openai/v1", "GROQ_API_BASE", "https://console.groq.com"):
        assert told in text
    assert "OPENAI_API_KEY" in "\n".join(provider_lines("openai_like"))


def test_a_name_that_is_none_is_told_with_those_that_come_near() -> None:
    with pytest.raises(UnknownProvider, match="groq"):
        provider_lines("grok")


def test_the_command_prints_them_and_refuses_a_name_that_is_none() -> None:
    run = CliRunner()
    listed = run.invoke(app, ["providers"])
    assert listed.exit_code == 0
    assert "groq " in listed.output
    told = run.invoke(app, ["providers", "watsonx"])
    assert told.exit_code == 0
    assert "WATSONX_PROJECT_ID" in told.output
    unknown = run.invoke(app, ["providers", "grok"])
    assert unknown.exit_code == 2
    assert "groq" in unknown.output
