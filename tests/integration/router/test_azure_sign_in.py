"""Azure OpenAI and AI Foundry with tokens of Entra ID: given, or obtained in each way that needs no browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import AzureServer, EntraServer, FoundryServer
from tests.provider_servers.certificates import of_application
from tests.provider_servers.managed_identity import ManagedIdentityServer

VARIABLES = ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "AD_TOKEN", "USERNAME", "PASSWORD", "SCOPE", "AUTHORITY_HOST")
OTHERS = ("CREDENTIAL", "CERTIFICATE_PATH", "CLIENT_CERTIFICATE_PATH", "POD_IDENTITY_AUTHORITY_HOST")


@pytest.fixture
async def entra(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EntraServer]:
    for name in (*VARIABLES, *OTHERS):
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    for name in ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_AI_API_KEY", "AZURE_AI_API_BASE", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.delenv(name, raising=False)
    async with EntraServer() as server:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", server.origin)
        yield server


@pytest.fixture
async def foundry(entra: EntraServer) -> AsyncIterator[FoundryServer]:
    async with FoundryServer() as server:
        server.tokens = entra.given
        yield server


@pytest.fixture
async def machine(entra: EntraServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ManagedIdentityServer]:
    async with ManagedIdentityServer() as server:
        server.given = entra.given
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.origin)
        yield server


@pytest.fixture
def azure(azure_server: AzureServer, entra: EntraServer) -> AzureServer:
    azure_server.tokens = entra.given
    return azure_server


def application(**more: str) -> dict[str, str]:
    return {"tenant_id": EntraServer.tenant, "client_id": EntraServer.client_id, **more}


def at(server: AzureServer, **params: Any) -> dict[str, Any]:
    return {"model": "azure/gpt-4", "api_base": server.origin, **params}


async def test_one_token_of_an_application_serves_all_its_deployments(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    app = application(client_secret=entra.secret)
    await start([("dated", at(azure, **app)), ("v1", at(azure, api_version="preview", **app))])
    for name in ("dated", "v1", "dated"):
        assert (await caller.stream(name)).text == "Hello there!"
    assert len(entra.received) == 1
    assert {request.headers["authorization"] for request in azure.received} == {f"Bearer {entra.given[0]}"}
    assert "api-key" not in azure.received[0].headers
    assert (azure.received[1].path, azure.received[1].query) == (
        "/openai/v1/chat/completions",
        "api-version=preview",
    )


async def test_a_call_that_passes_untouched_signs_in_too(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    await start([("azure", at(azure, **application(client_secret=entra.secret)))])
    passed = {"call_type": "pass_through_endpoint", "passed": ("POST", "/openai/v1/chat/completions")}
    answer = await caller.ask("gpt-4", group="pass-through/azure/gpt-4", **passed)
    assert answer.head is not None
    assert (answer.head.status, azure.received[0].headers["authorization"]) == (200, f"Bearer {entra.given[0]}")


async def test_a_user_and_a_federated_identity_sign_in_too(
    start: Start,
    caller: Caller,
    azure: AzureServer,
    entra: EntraServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "token"
    path.write_text(f"{entra.federated}\n", encoding="utf-8")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(path))
    user = application(azure_username=entra.user, azure_password=entra.password)
    await start([("user", at(azure, **user)), ("federated", at(azure, **application()))])
    for name in ("user", "federated"):
        assert (await caller.ask(name)).text == "Hello there!"
    assert len(entra.received) == 2


async def test_the_application_may_stand_in_the_environment(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in application(client_secret=entra.secret).items():
        monkeypatch.setenv(f"AZURE_{name.upper()}", value)
    await start([("azure", at(azure))])
    assert (await caller.ask("azure")).text == "Hello there!"


async def test_a_token_that_is_given_is_sent_and_a_revoked_one_followed_by_a_new_one(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    app = application(client_secret=entra.secret)
    await start([("given", at(azure, azure_ad_token="eyJ-given")), ("app", at(azure, num_retries=0, **app))])
    entra.given.append("eyJ-given")
    assert (await caller.ask("given")).text == "Hello there!"
    assert (await caller.ask("app")).text == "Hello there!"
    entra.given.clear()
    refused = await caller.ask("app")
    assert refused.failure is not None
    assert refused.failure["status"] == 401
    assert (await caller.ask("app")).text == "Hello there!"


async def test_an_application_signs_in_with_a_certificate_in_place_of_a_secret(
    start: Start,
    caller: Caller,
    azure: AzureServer,
    entra: EntraServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entra.certificate, files = of_application(tmp_path, "pa ss")
    _, others = of_application(_folder(tmp_path), "pa ss")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "of-another-application")
    locked = {"azure_certificate_password": "pa ss"}
    cases = {
        "pem": ({"azure_certificate_path": str(files["pem"])}, ""),
        "locked": ({"azure_certificate_path": str(files["locked"]), **locked}, ""),
        "pfx": ({"azure_certificate_path": str(files["pfx"]), **locked}, ""),
        "no password": ({"azure_certificate_path": str(files["pfx"])}, "can be opened"),
        "wrong password": (
            {"azure_certificate_path": str(files["locked"]), "azure_certificate_password": "x"},
            "PKCS #12",
        ),
        "lost": ({"azure_certificate_path": str(tmp_path / "none.pem")}, "none.pem cannot be read"),
        "another's": ({"azure_certificate_path": str(others["pem"])}, "Entra ID refused"),
    }
    await start([(name, at(azure, num_retries=0, **application(**given))) for name, (given, _) in cases.items()])
    for name, (_, words) in cases.items():
        answer = await caller.ask(name)
        if words:
            assert answer.failure is not None, name
            assert words in answer.failure["message"], answer.failure
        else:
            assert answer.text == "Hello there!"
    assert len(entra.statements) == 3  # no statement serves twice, and nobody else's counts


def _folder(inside: Path) -> Path:
    folder = inside / "other"
    folder.mkdir()
    return folder


async def test_a_certificate_may_stand_in_the_environment(
    start: Start,
    caller: Caller,
    azure: AzureServer,
    entra: EntraServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entra.certificate, files = of_application(tmp_path, "x")
    for name, value in application().items():
        monkeypatch.setenv(f"AZURE_{name.upper()}", value)
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(files["pem"]))
    await start([("azure", at(azure))])
    assert (await caller.ask("azure")).text == "Hello there!"


async def test_a_machine_of_azure_signs_in_as_itself_or_as_who_was_assigned_to_it(
    start: Start, caller: Caller, azure: AzureServer, machine: ManagedIdentityServer
) -> None:
    managed = {"azure_managed_identity": True, "num_retries": 0}
    await start(
        [
            ("own", at(azure, **managed)),
            ("again", at(azure, **managed)),
            ("assigned", at(azure, client_id=machine.assigned, **managed)),
            ("nobody", at(azure, client_id="nobody", **managed)),
        ]
    )
    for name in ("own", "again", "assigned"):
        assert (await caller.ask(name)).text == "Hello there!"
    assert len(machine.received) == 2
    refused = await caller.ask("nobody")
    assert refused.failure is not None
    assert (refused.failure["status"], "Identity not found" in refused.failure["message"]) == (401, True)


@pytest.mark.parametrize("credential", ["ManagedIdentityCredential", "DefaultAzureCredential"])
async def test_app_service_tells_where_a_machines_tokens_are(
    start: Start,
    caller: Caller,
    azure: AzureServer,
    machine: ManagedIdentityServer,
    monkeypatch: pytest.MonkeyPatch,
    credential: str,
) -> None:
    monkeypatch.setenv("AZURE_CREDENTIAL", credential)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.origin}/MSI/token/")
    monkeypatch.setenv("IDENTITY_HEADER", machine.secret)
    await start([("azure", at(azure))])
    assert (await caller.ask("azure")).text == "Hello there!"
    assert [request.path for request in machine.received] == ["/MSI/token/"]


async def test_where_no_machine_of_azure_is_that_is_told(
    start: Start, caller: Caller, azure: AzureServer, machine: ManagedIdentityServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    await start([("azure", at(azure, azure_managed_identity=True, num_retries=0))])
    answer = await caller.ask("azure")
    assert answer.failure is not None
    assert (answer.failure["status"], "only a machine of Azure has one" in answer.failure["message"]) == (502, True)
    assert azure.received == []


async def test_what_is_missing_or_wrong_is_told_when_the_deployment_is_called(
    start: Start, caller: Caller, azure: AzureServer, entra: EntraServer
) -> None:
    cases: dict[str, tuple[dict[str, Any], int, str]] = {
        "nothing": ({}, 500, "AZURE_API_KEY"),
        "half": ({"client_secret": "x"}, 500, "AZURE_TENANT_ID"),
        "no secret": (application(), 500, "AZURE_FEDERATED_TOKEN_FILE"),
        "unset": (application(client_secret="os.environ/NO_SUCH_SECRET"), 500, "NO_SUCH_SECRET"),
        "wrong secret": (application(client_secret="x"), 401, "Invalid client secret"),
        "wrong tenant": ({**application(client_secret=entra.secret), "tenant_id": "other"}, 401, "Tenant"),
    }
    await start([(name, at(azure, num_retries=0, **given)) for name, (given, _, _) in cases.items()])
    for name, (_, status, words) in cases.items():
        answer = await caller.ask(name)
        assert answer.failure is not None, name
        assert (answer.failure["status"], words in answer.failure["message"]) == (status, True), answer.failure
    assert azure.received == []


async def test_foundrys_models_answer_with_a_key_or_a_token(
    start: Start, caller: Caller, foundry: FoundryServer, entra: EntraServer
) -> None:
    keyed = {"api_base": foundry.origin, "api_key": foundry.key}
    app = {"api_base": foundry.origin, **application(client_secret=entra.secret)}
    await start(
        [
            ("phi", {"model": "azure_ai/Phi-4", **keyed}),
            ("v1", {"model": "azure_ai/Phi-4", **keyed, "api_base": f"{foundry.origin}/openai/v1/"}),
            ("claude", {"model": "azure_ai/claude-sonnet-4-5", **keyed}),
            ("token", {"model": "azure_ai/claude-sonnet-4-5", **app}),
            ("wrong", {"model": "azure_ai/Phi-4", **keyed, "api_key": "wrong", "num_retries": 0}),
            ("missing", {"model": "azure_ai/Phi-4", "api_base": foundry.origin}),
        ]
    )
    for name in ("phi", "v1", "claude", "token"):
        assert (await caller.ask(name)).text == "Hello there!"
        streamed = await caller.stream(name)
        assert streamed.text == "Hello there!"
        assert (await caller.fact(streamed)).usage_source == "provider"
    assert [request.path for request in foundry.received[::2]] == [
        "/models/chat/completions",
        "/openai/v1/chat/completions",
        "/anthropic/v1/messages",
        "/anthropic/v1/messages",
    ]
    assert foundry.received[0].query == "api-version=2024-05-01-preview"
    for name, status, words in (("wrong", 401, "Access denied"), ("missing", 500, "AZURE_AI_API_KEY")):
        answer = await caller.ask(name)
        assert answer.failure is not None
        assert (answer.failure["status"], words in answer.failure["message"]) == (status, True), answer.failure
