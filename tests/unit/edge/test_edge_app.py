"""Everything but the hot routes, as HTTP: documentation, models, health, and errors in one shape."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.edge.app import build_app
from services.edge.calls.table import ENDPOINTS
from services.edge.identify import Identities
from services.edge.metrics import Metrics
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from services.edge.realtime.secret import Secrets
from shared.bus import Bus, Outbox
from shared.bus.client import FastClient
from shared.config import parse_config
from shared.heartbeat import Pulse
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key, token_of
from shared.serving.model_groups import ModelGroups
from tests.router_calls import deployment

MASTER = {"Authorization": "Bearer sk-master"}


def key(secret: str, **fields: Any) -> Key:
    token = token_of(secret)
    return Key(token=token, version=1, tenant=token, key_name="sk-...", created_at=0.0, updated_at=0.0, **fields)


KEYS = [
    key("sk-limited", models=("gpt-4",)),
    key("sk-blocked", blocked=True),
    key("sk-expired", expires=1.0),
    key("sk-elsewhere", allowed_routes=("/v1/chat/completions",)),
]


@pytest.fixture
def app() -> FastAPI:
    """Edge's application without a NATS server: what needs none must work without."""
    bus = Bus(FastClient(), "edge")

    async def seen(*_: Any) -> None:
        return None

    return build_app(
        bus,
        Pulse(bus),
        Identities({entry.token: entry for entry in KEYS}, "sk-master", float),
        ModelNames(
            ModelGroups(deployment(name, group=name) for name in ("gpt-4", "a/b")), {}, set(), HolderAccess({}, {})
        ),
        ModelFacts(parse_config({"model_list": []}, {})),
        Metrics(Outbox(bus)),
        endpoints=ENDPOINTS,
        wait_until_seen=seen,
        wait_until_holder_seen=seen,
        secrets=Secrets("sk-master"),
        key_header=None,
        max_budget_usd=0.0,
        version="1.2.3",
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        yield client


async def test_the_models_are_listed_as_litellm_lists_them(client: httpx.AsyncClient) -> None:
    listed = {"object": "model", "created": 1677610602, "owned_by": "openai"}
    for path in ("/v1/models", "/models", "/v1/models/", "/models/"):
        answer = await client.get(path, headers=MASTER)
        assert answer.json() == {"object": "list", "data": [{"id": "gpt-4", **listed}, {"id": "a/b", **listed}]}
    assert (await client.get("/v1/models/a/b", headers=MASTER)).json() == {"id": "a/b", **listed}


async def test_a_key_sees_its_own_models_only(client: httpx.AsyncClient) -> None:
    headers = {"x-api-key": "sk-limited"}
    answer = await client.get("/v1/models", headers=headers)
    assert [model["id"] for model in answer.json()["data"]] == ["gpt-4"]
    refused = await client.get("/v1/models/a/b", headers=headers)
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "auth_error"),
        ({"Authorization": "Bearer sk-unknown"}, 401, "token_not_found_in_db"),
        ({"Authorization": "Bearer sk-blocked"}, 401, "auth_error"),
        ({"Authorization": "Bearer sk-expired"}, 401, "expired_key"),
        ({"Authorization": "Bearer sk-elsewhere"}, 403, "key_route_access_denied"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4", "/metrics/"])
async def test_a_key_that_does_not_count_gets_nothing(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = await client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.json()["error"]["code"] == str(status)


async def test_a_path_that_is_not_there_is_refused_in_the_common_shape(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/embeddings/nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        **{"message": answer.json()["error"]["message"], "type": "not_found_error", "param": None, "code": "404"}
    }
    assert answer.json()["error"]["message"].startswith(
        "GET /v1/embeddings/nowhere: Not Found. GET /openapi.json lists"
    )
    assert (await client.get("/openapi.json")).status_code == 200


async def test_a_path_that_is_not_there_is_told_in_the_words_of_the_api_it_is_written_like(
    client: httpx.AsyncClient,
) -> None:
    anthropic = await client.post("/v1/messages/batches", json={})
    assert (anthropic.status_code, anthropic.json()["error"]["type"]) == (404, "not_found_error")
    assert "as /anthropic/v1/messages/batches does" in anthropic.json()["error"]["message"]
    doubled = (await client.post("/v1/v1/messages", json={})).json()
    assert (doubled["type"], "leave it out of its base_url" in doubled["error"]["message"]) == ("error", True)
    assert "as /openai/v1/vector_stores does" in (await client.get("/v1/vector_stores")).text
    assert "model_list." in (await client.get("/nowhere")).json()["error"]["message"]
    assert anthropic.json()["type"] == "error"
    google = await client.post("/v1beta/cachedContents", json={})
    assert (google.status_code, google.json()["error"]["status"]) == (404, "NOT_FOUND")
    for path in ("/v1beta/models/demo:predict", "/models/gpt-4:predict"):
        google = await client.post(path, json={})
        assert (google.status_code, google.json()["error"]["status"]) == (405, "UNIMPLEMENTED")


async def test_another_method_is_refused_naming_the_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/models")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["error"]["code"] == "405"


async def test_a_failure_nobody_thought_of_answers_in_the_common_shape(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret details")

    answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        **{"message": "the gateway failed: ZeroDivisionError", "type": "internal_server_error"},
        **{"param": None, "code": "500"},
    }


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/livez"])
async def test_the_process_says_that_it_lives_to_anyone(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (200, "I'm alive!")


async def test_readiness_without_nats_names_nats(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/readiness")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unhealthy", "db": "Not connected", "missing": ["nats: not connected"]}


async def test_metrics_are_prometheus_text_for_who_has_a_key(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics/", headers=MASTER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "litellm_in_flight_requests" in answer.text
    moved = await client.get("/metrics", headers=MASTER)
    assert (moved.status_code, moved.headers["location"]) == (307, "/metrics/")


async def test_the_documentation_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", page.text)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/"), address
        found = await client.get(address)
        assert found.status_code == 200, address
        assert found.content
    assert "//" not in re.sub(r"(?m)^\s*//.*$", "", page.text)
    root = await client.get("/")
    assert (root.status_code, root.headers["location"]) == (307, "/docs")


async def test_the_openapi_document_describes_the_hot_route_and_holds_together(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert document["info"] == {"title": "Meterhouse", "version": "1.2.3"}
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert chat["requestBody"]["content"]["application/json"]["schema"]["required"] == ["model", "messages"]
    assert {"200", "400", "401", "403", "413", "422", "503", "504"} <= chat["responses"].keys()
    assert {"/key/generate", "/spend/logs", "/v1/models", "/health/readiness"} <= document["paths"].keys()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert all(operation["responses"] for operation in operations)
    used = {scheme for operation in operations for need in operation.get("security", []) for scheme in need}
    assert used <= document["components"]["securitySchemes"].keys()
    for reference in _references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [found for entry in part for found in _references(entry)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [found for entry in part.values() for found in _references(entry)]


FOR_ANYONE = {
    *("/", "/docs", "/docs/assets", "/openapi.json", "/metrics"),  # the last leads to /metrics/
    *("/health/liveliness", "/health/liveness", "/livez", "/health/readiness", "/readyz"),
}


async def test_every_route_besides_the_calls_of_models_wants_a_key_but_those_of_documentation_and_health(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    """Calls of models are walked through in tests/journey/test_every_endpoint.py and test_every_object_route.py."""
    walked = [(method, path) for method, path in _routes(app.routes) if path not in FOR_ANYONE]
    for method, path in walked:
        asked = re.sub(r"\{[^}]*\}", "x", path)
        answer = await client.request(method, asked, json={} if method in ("POST", "PATCH", "PUT") else None)
        assert (answer.status_code, str(answer.json()["error"]["code"])) == (401, "401"), (method, path)
    assert {"/key/generate", "/spend/logs", "/v1/models", "/v1/realtime/client_secrets"} <= {path for _, path in walked}


def test_only_policy_gives_routers_work() -> None:
    """Whatever a route does in edge, no provider is called for it that policy has not admitted."""
    sending = re.compile(r"subjects\.(?:COMPLETE\b|complete_at\()")
    named = {str(path) for path in Path("services").rglob("*.py") if sending.search(path.read_text(encoding="utf-8"))}
    assert named == {"services/policy/dispatch.py", "services/router/endpoints.py"}, "the second one takes it"


def _routes(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):  # FastAPI keeps an included router as one
            yield from _routes(route.original_router.routes)
        else:
            for method in sorted(set(getattr(route, "methods", None) or ()) - {"HEAD", "OPTIONS"}):
                yield method, route.path
