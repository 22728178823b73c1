"""The /key routes as LiteLLM's clients call them, with a real control plane and NATS behind them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.edge.admin import Actor, key_routes, seen_in
from services.edge.admin import command as command_module
from services.edge.admin.own_view import GONE
from services.policy.control.endpoints import serve_control
from services.policy.control.plane import ControlPlane
from shared import subjects
from shared.bus import Bus, KvView, Message
from shared.config import load_config
from shared.errors import AuthenticationFailed, GatewayError
from shared.identity.holders import account_of
from shared.identity.keys import Key, decode_key, token_of
from tests.nats_server import NatsServer
from tests.recorded_litellm import RECORDED, assert_as_recorded, assert_refused

MASTER = "sk-master-0123456789"


@dataclass
class Gateway:
    client: httpx.AsyncClient
    view: KvView[Key]
    spent: dict[str, Any] = field(default_factory=dict)

    async def call(self, method: str, path: str, *, sender: str = MASTER, **named: Any) -> httpx.Response:
        return await self.client.request(method, path, headers={"Authorization": f"Bearer {sender}"}, **named)

    async def post(self, path: str, body: Any, *, sender: str = MASTER) -> httpx.Response:
        return await self.call("POST", path, sender=sender, json=body)

    async def get(self, path: str, *, sender: str = MASTER, **params: Any) -> httpx.Response:
        return await self.call("GET", path, sender=sender, params=params)

    async def made(self, **fields: Any) -> dict[str, Any]:
        answer = await self.post("/key/generate", fields)
        assert answer.status_code == 200, answer.text
        row: dict[str, Any] = answer.json()
        return row


def build_app(bus: Bus, view: KvView[Key]) -> FastAPI:
    def identify(headers: Mapping[str, str]) -> Actor:
        key = headers.get("authorization", "").removeprefix("Bearer ")
        if key == MASTER:
            return Actor("litellm_proxy_master_key", True, "default_user_id")
        known = view.entries.get(token_of(key))
        if known is None:
            raise AuthenticationFailed("Authentication Error, Invalid proxy server token passed.")
        return Actor(known.token, False, known.user_id or "")

    app = FastAPI()
    app.include_router(key_routes(bus, identify, seen_in(view)))

    @app.exception_handler(GatewayError)
    async def failed(_: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, GatewayError)
        body = {"message": failure.message, "type": failure.type, "param": failure.param, "code": str(failure.status)}
        return JSONResponse({"error": body}, failure.status)

    return app


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[Gateway]:
    """Edge's routes, policy's control plane, and owners of all partitions that have seen no request."""
    view = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await view.start()
    config = load_config(None, {})
    await serve_control(bus, ControlPlane(bus, config))
    transport = httpx.ASGITransport(build_app(bus, view))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        gateway = Gateway(client, view)

        async def owner(message: Message) -> bytes:
            nothing = {"spend_pico": 0, "held_pico": 0, "window_start": None, "window_end": None}
            asked = msgspec.json.decode(message.data)["accounts"]
            return msgspec.json.encode({token: gateway.spent.get(token, nothing) for token in asked})

        for partition in range(config.general_settings.meterhouse.partitions):
            await bus.serve(subjects.account(partition), owner)
        yield gateway
    await view.stop()


async def made_as_recorded(gateway: Gateway) -> dict[str, Any]:
    """The key that most of the recorded calls are about."""
    answer = await gateway.post("/key/generate", RECORDED["key.generate.full"]["request"])
    row: dict[str, Any] = answer.json()
    return row


async def updated_as_recorded(gateway: Gateway) -> dict[str, Any]:
    """The same key, after the recorded updates."""
    row = await made_as_recorded(gateway)
    for name in ("key.update", "key.update.null", "key.update.duration"):
        await gateway.post("/key/update", {**RECORDED[name]["request"], "key": row["key"]})
    return row


async def test_a_key_generated_from_nothing_has_litellms_fields(gateway: Gateway) -> None:
    answer = await gateway.post("/key/generate", {})
    assert_as_recorded("key.generate.empty", answer)
    row, recorded = answer.json(), RECORDED["key.generate.empty"]["body"]
    for name in recorded.keys() - {"key", "key_name", "token", "token_id", "created_at", "updated_at"}:
        assert row[name] == recorded[name], name
    assert row["token"] == row["token_id"] == token_of(row["key"])


async def test_a_key_generated_with_everything_echoes_it(gateway: Gateway) -> None:
    answer = await gateway.post("/key/generate", RECORDED["key.generate.full"]["request"])
    assert_as_recorded("key.generate.full", answer)
    row, recorded = answer.json(), RECORDED["key.generate.full"]["body"]
    own = {"key", "key_name", "token", "token_id", "created_at", "updated_at", "expires", "budget_id"}
    for name in recorded.keys() - own - {"budget_limits", "litellm_budget_table"}:
        assert row[name] == recorded[name], name
    assert row["litellm_budget_table"]["soft_budget"] == 1.0
    assert row["expires"].endswith("Z")


@pytest.mark.parametrize("name", ["custom_key", "type_llm", "unknown_field", "missing_team", "budget0", "tinybudget"])
async def test_other_ways_to_generate_answer_as_recorded(gateway: Gateway, name: str) -> None:
    recorded = RECORDED[f"key.generate.{name}"]
    answer = await gateway.post("/key/generate", recorded["request"])
    assert_as_recorded(f"key.generate.{name}", answer)
    for field_name in ("max_budget", "key_type", "allowed_routes", "team_id"):
        assert answer.json()[field_name] == recorded["body"][field_name]


async def test_the_first_key_of_litellms_tutorial_works(gateway: Gateway) -> None:
    row = await gateway.made(
        max_budget=50.0,
        budget_duration="30d",
        models=["gpt-4", "gpt-3.5-turbo"],
        metadata={"user": "frontend-team"},
    )
    assert len(row["key"]) == 25
    assert (row["max_budget"], row["budget_duration"]) == (50.0, "30d")
    info = (await gateway.get("/key/info", sender=row["key"])).json()["info"]
    assert info["budget_reset_at"].endswith("-01T00:00:00+00:00")


async def test_info_of_a_key_answers_as_recorded_to_its_admin_and_to_itself(gateway: Gateway) -> None:
    row = await made_as_recorded(gateway)
    answer = await gateway.get("/key/info", key=row["key"])
    assert_as_recorded("key.info.admin", answer)
    assert answer.json()["key"] == row["key"]
    own = await gateway.get("/key/info", sender=row["key"])
    assert_as_recorded("key.info.self", own)
    assert own.json()["key"] == row["token"]
    assert own.json()["info"] == answer.json()["info"]
    by_token = await gateway.get("/key/info", key=row["token"])
    assert by_token.json()["info"] == answer.json()["info"]


async def test_what_a_key_spent_is_written_with_all_its_digits(gateway: Gateway) -> None:
    row = await gateway.made(max_budget=0.1)
    gateway.spent[row["token"]] = {"spend_pico": 7_500_001, "held_pico": 5, "window_start": None, "window_end": None}
    answer = await gateway.get("/key/info", key=row["key"])
    assert '"spend":0.000007500001,"total_spend":0.000007500001,' in answer.text
    assert '"max_budget":0.1,' in answer.text
    gateway.spent[row["token"]]["window_start"] = 1.0
    info = (await gateway.get("/key/info", key=row["key"])).json()["info"]
    assert info["total_spend"] is None  # of former windows nothing is known here


async def test_spend_nobody_can_tell_is_null_and_said_so(bus: Bus) -> None:
    view = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await view.start()
    await serve_control(bus, ControlPlane(bus, load_config(None, {})))
    transport = httpx.ASGITransport(build_app(bus, view))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        gateway = Gateway(client, view)
        row = await gateway.made()
        info = (await gateway.get("/key/info", key=row["key"])).json()["info"]
        assert (info["spend"], info["total_spend"], info["spend_unavailable"]) == (None, None, True)
    await view.stop()


async def test_several_keys_are_told_at_once(gateway: Gateway) -> None:
    row = await made_as_recorded(gateway)
    answer = await gateway.post("/v2/key/info", {"keys": [row["key"]]})
    assert_as_recorded("key.info.v2", answer)
    by_alias = await gateway.post("/v2/key/info", {"key_aliases": [row["key_alias"]]})
    assert by_alias.json()["info"] == answer.json()["info"]
    assert_refused(await gateway.post("/v2/key/info", {"keys": ["sk-nobody"]}), 404, "not_found_error", None, "No keys")


async def test_updates_answer_as_recorded(gateway: Gateway) -> None:
    row = await made_as_recorded(gateway)
    for name in ("key.update", "key.update.null", "key.update.duration"):
        answer = await gateway.post("/key/update", {**RECORDED[name]["request"], "key": row["key"]})
        assert_as_recorded(name, answer)
        for field_name in ("max_budget", "metadata", "budget_duration", "models", "key_alias"):
            assert answer.json()[field_name] == RECORDED[name]["body"][field_name], (name, field_name)
        assert answer.json()["key"] == row["key"]
    by_alias = await gateway.post("/key/update", {"key_alias": row["key_alias"], "rpm_limit": 2})
    assert (by_alias.json()["key"], by_alias.json()["rpm_limit"]) == (row["token"], 2)


async def test_blocking_and_unblocking_answer_as_recorded(gateway: Gateway) -> None:
    row = await updated_as_recorded(gateway)
    answer = await gateway.post("/key/block", {"key": row["key"]})
    assert_as_recorded("key.block", answer)
    assert answer.json()["blocked"] is True
    answer = await gateway.post("/key/unblock", {"key": row["token"]})
    assert_as_recorded("key.unblock", answer)
    assert answer.json()["blocked"] is False


async def test_lists_answer_as_recorded(gateway: Gateway) -> None:
    row = await updated_as_recorded(gateway)
    others = [await gateway.made() for _ in range(5)]
    answer = await gateway.get("/key/list", size=3)
    assert_as_recorded("key.list", answer)
    assert {name: answer.json()[name] for name in ("total_count", "current_page", "total_pages")} == {
        "total_count": 6,
        "current_page": 1,
        "total_pages": 2,
    }
    assert answer.json()["keys"] == [other["token"] for other in reversed(others)][:3]
    answer = await gateway.get("/key/list", size=1, return_full_object=True, key_alias=row["key_alias"])
    assert_as_recorded("key.list.full", answer, but={"keys.0.soft_budget": "float"})
    assert answer.json()["keys"][0]["token"] == row["token"]
    answer = await gateway.get("/key/aliases", size=3)
    assert_as_recorded("key.aliases", answer)
    assert answer.json() == {
        "aliases": [row["key_alias"]],
        "total_count": 1,
        "current_page": 1,
        "total_pages": 1,
        "size": 3,
    }
    assert (await gateway.get("/key/aliases", search="ALIAS")).json()["total_count"] == 1
    assert (await gateway.get("/key/aliases", search="nothing")).json()["aliases"] == []


async def test_a_list_that_cannot_be_made_says_why(gateway: Gateway) -> None:
    for params, param, words in (
        ({"status": "zzz"}, "status", "Invalid status value. Supported: 'active', 'expired'"),
        ({"status": "deleted"}, "status", "key.deleted"),
        ({"sort_by": "zzz"}, "sort_by", "Invalid sort column"),
        ({"sort_order": "zzz"}, "sort_order", "Must be 'asc' or 'desc'"),
    ):
        assert_refused(await gateway.get("/key/list", **params), 400, "bad_request_error", param, words)
    for params in ({"size": 101}, {"size": 0}, {"page": 0}, {"page": "x"}):
        assert (await gateway.get("/key/list", **params)).status_code == 422
    assert (await gateway.get("/key/list", sort_by="spend", sort_order="ASC", status="active")).status_code == 200


async def test_bulk_updates_answer_as_recorded(gateway: Gateway) -> None:
    row = await updated_as_recorded(gateway)
    await gateway.post("/key/unblock", {"key": row["key"]})
    updates = [{"key": row["key"], "max_budget": 9}, {"key": "sk-nonexistent-000000", "max_budget": 9}]
    answer = await gateway.post("/key/bulk_update", {"keys": updates})
    assert_as_recorded("key.bulk_update", answer)
    recorded = RECORDED["key.bulk_update"]["body"]
    assert answer.json()["failed_updates"] == recorded["failed_updates"]
    assert answer.json()["successful_updates"][0]["key_info"]["max_budget"] == 9.0
    empty = await gateway.post("/key/bulk_update", {"keys": []})
    assert_refused(empty, 400, "bad_request_error", "keys", "No keys provided")
    many = await gateway.post("/key/bulk_update", {"keys": [{"key": "sk-x"}] * 501})
    assert_refused(many, 400, "bad_request_error", "keys", "Maximum 500")


async def test_a_deleted_key_is_gone_at_once_and_stays_away(gateway: Gateway) -> None:
    row = await made_as_recorded(gateway)
    answer = await gateway.post("/key/delete", {"keys": [row["key"], "sk-nonexistent-000000"]})
    assert_as_recorded("key.delete", answer)
    assert answer.json()["deleted_keys"] == [row["key"]]
    assert row["token"] not in gateway.view.entries
    assert (await gateway.get("/key/info", sender=row["key"])).status_code == 401
    again = await gateway.post("/key/delete", {"keys": [row["key"]]})
    assert_refused(again, 404, "not_found_error", None, "No keys found")
    info = await gateway.get("/key/info", key=row["key"])
    assert_refused(info, 404, "not_found_error", "key", "Key not found in database")
    aliased = await gateway.made(key_alias=row["key_alias"])
    answer = await gateway.post("/key/delete", {"key_aliases": [row["key_alias"], "nobody"]})
    assert answer.json()["deleted_keys"] == [row["key_alias"]]
    assert aliased["token"] not in gateway.view.entries


async def test_a_change_is_known_to_this_edge_before_it_is_answered(gateway: Gateway) -> None:
    for _ in range(10):
        row = await gateway.made()
        assert gateway.view.entries[row["token"]].version == 1
        await gateway.post("/key/update", {"key": row["key"], "rpm_limit": 1})
        assert gateway.view.entries[row["token"]].limits.rpm == 1
        await gateway.post("/key/block", {"key": row["key"]})
        assert gateway.view.entries[row["token"]].blocked is True
        await gateway.post("/key/delete", {"keys": [row["token"]]})
        assert row["token"] not in gateway.view.entries


async def test_waiting_to_see_a_change_ends_after_a_second(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await gateway.made()
    wait = seen_in(gateway.view)
    for version in (2, GONE):
        started = time.monotonic()
        await asyncio.wait_for(wait(row["token"], version), 10)
        assert time.monotonic() - started > 0.9
    monkeypatch.setattr("services.edge.admin.own_view.SEEN_WITHIN_S", 3_600.0)
    await asyncio.wait_for(wait("unknown", GONE), 10)


async def test_a_key_may_read_itself_alone_and_manage_nothing(gateway: Gateway) -> None:
    row, other = await gateway.made(user_id="u-1"), await gateway.made()
    answer = await gateway.post("/key/generate", {}, sender=row["key"])
    recorded = RECORDED["mgmt.nonadmin.generate"]
    assert answer.status_code == recorded["status"]
    assert_refused(answer, 401, "auth_error", "None", "Your user_id=***")
    assert (
        answer.json()["error"]["message"].split("Your user_id")[0]
        == (recorded["body"]["error"]["message"].split("Your user_id")[0])
    )
    for path in ("generate", "update", "delete", "block", "unblock", "bulk_update"):
        assert (await gateway.post(f"/key/{path}", {}, sender=row["key"])).status_code == 401
    for path in ("/key/list", "/key/aliases"):
        assert (await gateway.get(path, sender=row["key"])).status_code == 401
    assert (await gateway.post("/v2/key/info", {}, sender=row["key"])).status_code == 401
    foreign = await gateway.get("/key/info", sender=row["key"], key=other["key"])
    assert_refused(foreign, 403, "auth_error", None, "not allowed to access this key's info")
    assert (await gateway.get("/key/info", sender=row["key"], key=row["token"])).status_code == 200
    assert_as_recorded("key.health", await gateway.post("/key/health", {}, sender=row["key"]))
    assert (await gateway.post("/key/generate", {}, sender="sk-nobody")).status_code == 401


@pytest.mark.parametrize(
    ("name", "status", "param"),
    [
        ("dup_alias", 400, "key_alias"),
        ("bad_custom_key", 400, "key"),
        ("neg_budget", 400, "max_budget"),
        ("bad_duration", 400, "duration"),
        ("bad_budget_duration", 400, "budget_duration"),
    ],
)
async def test_refusals_keep_litellms_words(gateway: Gateway, name: str, status: int, param: str) -> None:
    await made_as_recorded(gateway)
    recorded = RECORDED[f"key.generate.{name}"]
    answer = await gateway.post("/key/generate", recorded["request"])
    words = recorded["body"]["error"]["message"].removeprefix("{'error': ").removesuffix("}").strip("'\"")
    assert_refused(answer, status, "bad_request_error", param, words)


@pytest.mark.parametrize(
    ("path", "name"), [("/key/update", "key.update.notfound"), ("/key/block", "key.block.notfound")]
)
async def test_a_key_that_is_not_there_is_answered_as_recorded(gateway: Gateway, path: str, name: str) -> None:
    answer = await gateway.post(path, RECORDED[name]["request"])
    assert answer.status_code == RECORDED[name]["status"]
    assert answer.json() == RECORDED[name]["body"]
    answer = await gateway.get("/key/info", key="sk-nonexistent-000000")
    assert answer.json() == RECORDED["key.info.notfound"]["body"]


async def test_a_wrong_type_is_answered_as_recorded_without_the_value(gateway: Gateway) -> None:
    answer = await gateway.post("/key/generate", RECORDED["key.generate.bad_type"]["request"])
    assert answer.status_code == 422
    assert answer.json() == RECORDED["key.generate.bad_type"]["body"]
    answer = await gateway.post("/key/update", RECORDED["key.update.nokey"]["request"])
    assert answer.status_code == 422
    assert answer.json() == RECORDED["key.update.nokey"]["body"]
    secret = await gateway.post("/key/block", {"key": ["sk-secret-key-0123456789"]})
    assert secret.status_code == 422
    assert "secret" not in secret.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/key/generate", {"models": "gpt-4"}),
        ("/key/generate", {"metadata": []}),
        ("/key/generate", {"tpm_limit": 1.5}),
        ("/key/generate", {"key_type": "zzz"}),
        ("/key/generate", {"budget_limits": [{"max_budget": 1}]}),
        ("/key/generate", []),
        ("/key/delete", {}),
        ("/key/delete", {"keys": []}),
        ("/key/block", {}),
        ("/key/bulk_update", {"keys": [{}]}),
        ("/v2/key/info", None),
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_422_with_its_place(gateway: Gateway, path: str, body: Any) -> None:
    answer = await gateway.post(path, body)
    assert answer.status_code == 422, answer.text
    for fault in answer.json()["detail"]:
        assert fault.keys() == {"type", "loc", "msg"}
        assert fault["loc"][0] == "body"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{", 422),
        ('{"metadata": {"a": "\\ud800"}}', 400),
        ('{"max_budget": NaN}', 400),
        ('{"max_budget": 1e400}', 400),
        ('{"metadata": {"a": NaN}}', 400),
        ('{"rpm_limit": 99999999999999999999999999}', 200),
        ('{"metadata": {"n": 99999999999999999999999999, "f": 0.1}}', 200),
        ('{"metadata": ' + '{"a":' * 90 + "1" + "}" * 90 + "}", 200),
        ('{"metadata": ' + "[" * 100_000 + "]" * 100_000 + "}", 400),
        ('{"metadata": {"text": "' + "x" * 700_000 + '"}}', 413),
        ('{"metadata": {"text": "' + "x" * 1_500_000 + '"}}', 413),
    ],
    ids=[
        "cut",
        "surrogate",
        "nan",
        "inf",
        "nan inside",
        "long int",
        "long int inside",
        "deep",
        "too deep",
        "large",
        "too large",
    ],
)
async def test_no_body_breaks_the_gateway(gateway: Gateway, text: str, status: int) -> None:
    content = text.encode()
    headers = {"Authorization": f"Bearer {MASTER}", "Content-Type": "application/json"}
    answer = await gateway.client.post("/key/generate", content=content, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert (await gateway.post("/key/generate", {})).status_code == 200


async def test_without_a_control_plane_the_answer_is_503_at_once(bus: Bus, nats: NatsServer) -> None:
    view = KvView(bus, subjects.KEYS_BUCKET, decode_key)
    await view.start()
    transport = httpx.ASGITransport(build_app(bus, view))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        gateway = Gateway(client, view)
        assert_refused(await gateway.post("/key/generate", {}), 503, "service_unavailable", None, "No control plane")
        nats.stop()
        await asyncio.sleep(0.1)
        assert (await gateway.post("/key/generate", {})).status_code == 503, "a question that nobody answers is a 504"
    await view.stop()


async def test_a_control_plane_that_does_not_answer_is_a_504(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "TIMEOUT_S", 0.1)
    view = KvView(bus, subjects.KEYS_BUCKET, decode_key)

    async def silent(_: Message) -> bytes:
        await asyncio.sleep(0.5)
        return b""

    await bus.serve(subjects.CONTROL_COMMANDS, silent)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app(bus, view)), base_url="http://gateway"
    ) as client:
        answer = await Gateway(client, view).post("/key/block", {"key": "sk-x"})
        assert_refused(answer, 504, "timeout_error", None, "did not answer")


async def test_the_documentation_describes_every_field(gateway: Gateway, bus: Bus) -> None:
    document = build_app(bus, gateway.view).openapi()
    schemas = document["components"]["schemas"]
    for name in ("GenerateKey", "UpdateKey", "OneKey", "SomeKeys", "RegenerateKey", "ResetSpend"):
        for property_name, described in schemas[name]["properties"].items():
            assert described.get("description"), (name, property_name)
    assert {path for path in document["paths"] if "key" in path} == {
        *("/key/generate", "/key/info", "/key/update", "/key/bulk_update", "/key/delete", "/key/block"),
        *("/key/unblock", "/key/list", "/key/aliases", "/key/health", "/v2/key/info"),
        *("/key/service-account/generate", "/key/regenerate", "/key/{key}/reset_spend"),
    }


async def test_a_key_of_a_service_account_belongs_to_a_team_and_to_no_user(gateway: Gateway) -> None:
    answer = await gateway.post("/key/service-account/generate", {"team_id": "t", "user_id": "u", "max_budget": 1})
    assert answer.status_code == 200
    assert (answer.json()["team_id"], answer.json()["user_id"], answer.json()["max_budget"]) == ("t", None, 1)
    refused = await gateway.post("/key/service-account/generate", {"max_budget": 1})
    assert_refused(refused, 400, "bad_request_error", "team_id", "team_id is required")


async def test_what_is_spent_of_each_window_of_a_key_is_told(gateway: Gateway) -> None:
    row = await gateway.made(
        budget_limits=[{"budget_duration": "1h", "max_budget": 2}], model_max_budget={"m": {"budget_limit": 3}}
    )
    entry = gateway.view.entries[row["token"]]
    for window, pico in zip(entry.budgets, (250 * 10**9, 5 * 10**11), strict=True):
        figures = {"spend_pico": pico, "held_pico": 0, "window_start": None, "window_end": 4e9}
        gateway.spent[account_of("key", row["token"], window)] = figures
    info = (await gateway.get("/key/info", key=row["token"])).json()["info"]
    assert info["budget_limits_usage"] == {"1h": {"current_spend": 0.25}}
    assert info["budget_limits"][0]["reset_at"] == "2096-10-02T07:06:40+00:00"
    assert (info["model_max_budget_usage"]["m"]["current_spend"], info["spend"]) == (0.5, 0)
