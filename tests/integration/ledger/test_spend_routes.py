"""The spend routes as LiteLLM's clients call them: real facts, ledger, database and control plane behind them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.edge.admin.authority import Actor
from services.edge.admin.ledger import Ledger
from services.edge.admin.spend import TRUNCATED, spend_routes
from services.edge.http.error_response import error_headers, openai_error
from services.ledger.settings import LedgerSettings
from services.policy.control.endpoints import serve_control
from services.policy.control.plane import ControlPlane
from shared import subjects
from shared.bus import Bus
from shared.config import load_config
from shared.errors import AuthenticationFailed, GatewayError
from shared.facts.header import Fact
from shared.heartbeat import Pulse, beat
from shared.identity.keys import MASTER_KEY_ID, token_of
from tests.integration.ledger.facts import MADE_MS, denied, finished, lost, publish, request_id
from tests.integration.ledger.running import LedgerTask, ask, running_ledger, written

MASTER, ADA, BOB = "sk-master-0123456789", "sk-ada-0123456789abcd", "sk-bob-0123456789abcd"
USERS = {ADA: "ada", BOB: ""}
RECORDED = {
    exchange["name"]: exchange
    for exchange in json.loads((Path(__file__).parents[2] / "contract/litellm/spend.json").read_bytes())
}
DAY_MS = 86_400_000
TODAY, TOMORROW = "2026-11-23", "2026-11-24"


class Client:
    """Calls the routes as somebody."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, *, sender: str = MASTER, **params: Any) -> httpx.Response:
        return await self._http.get(path, params=params, headers={"authorization": f"Bearer {sender}"})

    async def json(self, path: str, *, sender: str = MASTER, **params: Any) -> Any:
        answer = await self.get(path, sender=sender, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def identify(headers: Mapping[str, str]) -> Actor:
    key = headers.get("authorization", "").removeprefix("Bearer ")
    if key == MASTER:
        return Actor(MASTER_KEY_ID, True, "default_user_id")
    if key not in USERS:
        raise AuthenticationFailed("Authentication Error, Invalid proxy server token passed.")
    return Actor(token_of(key), False, USERS[key])


@pytest.fixture
async def client(bus: Bus) -> AsyncIterator[Client]:
    app = FastAPI()
    pulse = Pulse(bus)
    await pulse.start()
    app.include_router(spend_routes(bus, Ledger(bus, pulse), identify, max_budget_usd=250.0))

    @app.exception_handler(GatewayError)
    async def failed(_: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, GatewayError)
        headers = {name.decode(): value.decode() for name, value in error_headers(failure)}
        return JSONResponse(openai_error(failure), failure.status, headers)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http:
        yield Client(http)


@pytest.fixture
async def ledger(bus: Bus, settings: LedgerSettings) -> AsyncIterator[LedgerTask]:
    async with running_ledger(settings) as ledger:
        yield ledger


async def stored(bus: Bus, *facts: Fact) -> None:
    await publish(bus, *facts)
    await written(bus)


def same_shape(ours: Any, theirs: Any, path: str = "") -> None:
    """Compare names and types; null may stand for what one of them does not know."""
    if ours is None or theirs is None:
        return
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), path
        assert ours.keys() - {"meterhouse"} == theirs.keys(), path
        for name, value in theirs.items():
            same_shape(ours[name], value, f"{path}.{name}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), path
        if ours and theirs:
            same_shape(ours[0], theirs[0], f"{path}[]")
    elif isinstance(theirs, bool | str):
        assert type(ours) is type(theirs), path
    else:
        assert isinstance(ours, int | float), path
        assert not isinstance(ours, bool), path


def by_name(breakdown: dict[str, Any]) -> list[Any]:
    return list(breakdown.values())


async def test_a_successful_request_is_litellms_row(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    request = request_id()
    await stored(bus, finished(request, 37_500, key=token_of(ADA)))
    answer = await client.get("/spend/logs", api_key=ADA)
    assert answer.status_code == 200
    assert '"spend":0.0000000375,' in answer.text
    assert TRUNCATED not in answer.headers
    [row] = answer.json()
    same_shape(row, RECORDED["spend.logs.api_key"]["body"][0])
    assert row["request_id"] == f"chatcmpl-{request[-12:]}"
    assert row["litellm_call_id"] == request
    assert (row["startTime"], row["endTime"]) == ("2026-11-23T06:27:23.968000Z", "2026-11-23T06:27:24.870000Z")
    assert (row["request_duration_ms"], row["completionStartTime"]) == (902, "2026-11-23T06:27:24.268000Z")
    assert (row["model"], row["model_group"], row["custom_llm_provider"]) == ("openai/gpt-4-0613", "gpt-4", "openai")
    assert (row["user"], row["team_id"], row["status"], row["cache_hit"]) == ("ada", "team-1", "success", "None")
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (12, 12, 24)
    assert row["request_tags"] == ["prod", "User-Agent: OpenAI"]
    metadata = row["metadata"]
    assert metadata["spend_logs_metadata"] == {"x": 1}
    assert metadata["usage_object"]["prompt_tokens_details"]["cached_tokens"] == 3
    assert metadata["usage_object"]["completion_tokens_details"]["reasoning_tokens"] == 2
    assert metadata["cost_breakdown"]["total_cost"] == 0.0000000375
    assert metadata["meterhouse"]["price"] == "openai/gpt-4@2026-06-01"


async def test_failed_denied_and_lost_requests_are_failures_that_say_why(
    bus: Bus, client: Client, ledger: LedgerTask
) -> None:
    failed = finished(
        request_id(MADE_MS + 2),
        0,
        outcome="failure",
        status=500,
        error_type="provider_error",
        error_message="Upstream broke",
        response_id="",
        usage={},
        prompt_tokens=0,
        completion_tokens=0,
    )
    blocked, unheard = denied(request_id(MADE_MS + 1)), lost(request_id(MADE_MS), 5_000_000)
    await stored(bus, unheard, blocked, failed)
    rows = await client.json("/spend/logs")
    assert [row["litellm_call_id"] for row in rows] == [failed.request_id, blocked.request_id, unheard.request_id]
    for row in rows:
        same_shape(row, RECORDED["spend.logs.api_key"]["body"][1])
        assert (row["status"], row["metadata"]["status"]) == ("failure", "failure")
        assert row["request_id"] == row["litellm_call_id"]
    errors = [row["metadata"]["error_information"] for row in rows]
    assert [error["error_code"] for error in errors] == ["500", "400", ""]
    assert [error["error_message"] for error in errors[:2]] == ["Upstream broke", "Blocked by the deny list"]
    assert [row["metadata"]["meterhouse"]["outcome"] for row in rows] == ["failure", "denied", "lost"]
    assert [row["spend"] for row in rows] == [0, 0, 0.000005]


async def test_a_request_is_found_by_our_id_and_by_the_providers(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    request = request_id()
    await stored(bus, finished(request), finished(request_id()))
    for name in (request, f"chatcmpl-{request[-12:]}"):
        rows = await client.json("/spend/logs", request_id=name)
        assert [row["litellm_call_id"] for row in rows] == [request]
    assert await client.json("/spend/logs", request_id="chatcmpl-nothing") == []


async def test_rows_are_filtered_by_user_key_and_dates(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    yesterday, today = request_id(MADE_MS - DAY_MS), request_id()
    await stored(
        bus,
        finished(yesterday, user_id="bob", key=token_of(BOB)),
        finished(today, user_id="ada", key=token_of(ADA)),
    )

    async def found(**params: Any) -> list[str]:
        return [row["litellm_call_id"] for row in await client.json("/spend/logs", summarize="false", **params)]

    assert await found(user_id="bob") == [yesterday]
    assert await found(api_key=BOB) == [yesterday]
    assert await found(api_key=token_of(ADA)) == [today]
    assert await found(start_date=TODAY, end_date=TODAY) == [today]
    assert await found(start_date="2026-11-22", end_date="2026-11-22") == [yesterday]
    assert await found(start_date="2026-11-22", end_date=TOMORROW) == [today, yesterday]
    assert await found(start_date="2026-11-23 06:27:24", end_date=TOMORROW) == []
    assert await found(end_date="2026-11-23T07:27:23.968+01:00") == [today, yesterday]
    assert await found(end_date="2026-11-23T07:27:23.967+01:00") == [yesterday]


async def test_days_are_summed_by_key_user_and_model(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    await stored(
        bus,
        finished(request_id(), 1_000_000, user_id="ada", key=token_of(ADA)),
        finished(request_id(), 200_001, user_id="bob", key=MASTER_KEY_ID),
        denied(request_id(), user_id="bob", key=MASTER_KEY_ID),
    )
    days = await client.json("/spend/logs", start_date="2026-11-22", end_date="2026-11-25")
    assert days[0] == {
        "startTime": TODAY,
        "spend": 0.000001200001,
        token_of(ADA): 0.000001,
        MASTER_KEY_ID: 0.000000200001,
        "users": {"ada": 0.000001, "bob": 0.000000200001},
        "models": {"openai/gpt-4-0613": 0.000001200001, "gpt-4": 0.0},
    }
    recorded = RECORDED["spend.logs.summary"]["body"]
    assert days[1] == recorded[1] == {"startTime": TOMORROW, "spend": 0, "users": {}, "models": {}}
    assert [day["startTime"] for day in days] == [TODAY, TOMORROW, "2026-11-25"]
    assert await client.json("/spend/logs", start_date="2020-01-01", end_date="2020-01-02") == []


async def test_sums_over_everything_have_litellms_shapes(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    await stored(
        bus,
        finished(request_id(), 60_080_500_000, key=token_of(ADA), tags=("t1",)),
        finished(request_id(), 5, key=MASTER_KEY_ID, team_id="", tags=("t1", "t2")),
        denied(request_id(), key=token_of(ADA), tags=()),
    )
    dates = {"start_date": "2026-11-22", "end_date": TOMORROW}
    assert await client.json("/global/spend") == {"spend": 0.060080500005, "max_budget": 250.0}
    assert await client.json("/global/spend", **dates) == {"spend": 0.060080500005, "max_budget": 250.0}
    assert await client.json("/global/spend", end_date="2026-11-22") == {"spend": 0.0, "max_budget": 250.0}
    for path in ("keys", "teams", "models", "tags", "logs", "provider"):
        answer = await client.json(f"/global/spend/{path}", **dates)
        recorded = RECORDED[f"GET /global/spend/{path}"]["body"]
        if path != "teams":
            same_shape(answer, recorded, path)
    assert await client.json("/global/spend/keys", **dates, limit=1) == [
        {"api_key": token_of(ADA), "key_alias": "frontend", "key_name": None, "total_spend": 0.0600805}
    ]
    assert await client.json("/global/spend/teams", **dates) == {
        "daily_spend": [{"date": TODAY, "team-1": 0.0600805, "Unassigned": 0.000000000005}],
        "teams": ["team-1", "Unassigned"],
        "total_spend_per_team": [
            {"team_id": "team-1", "total_spend": 0.0600805},
            {"team_id": "Unassigned", "total_spend": 0.000000000005},
        ],
    }
    assert await client.json("/spend/tags", **dates) == [
        {"individual_request_tag": "t1", "log_count": 2, "total_spend": 0.060080500005},
        {"individual_request_tag": "t2", "log_count": 1, "total_spend": 0.000000000005},
    ]
    assert await client.json("/global/activity", **dates) == {
        "daily_data": [{"date": "Nov 23", "api_requests": 3, "total_tokens": 48}],
        "sum_api_requests": 3,
        "sum_total_tokens": 48,
    }
    models = await client.json("/global/activity/model", **dates)
    same_shape(models, RECORDED["GET /global/activity/model"]["body"])
    users = await client.json("/spend/users")
    same_shape(users, RECORDED["spend.users"]["body"])
    assert [(user["user_id"], user["spend"]) for user in users] == [("ada", 0.060080500005)]
    assert await client.json("/spend/users", user_id="nobody") == []


@pytest.mark.parametrize("entity", ["user", "team", "tag", "customer"])
async def test_daily_activity_is_broken_down_as_recorded(
    bus: Bus, client: Client, ledger: LedgerTask, entity: str
) -> None:
    await stored(
        bus,
        finished(request_id(), 1_000_000, end_user="client-7", key=token_of(ADA)),
        finished(request_id(), 500_000, outcome="failure", end_user="client-7", key=token_of(ADA)),
        denied(request_id(), end_user="client-7", key=token_of(ADA)),
    )
    path = f"/{entity}/daily/activity"
    answer = await client.json(path, start_date="2026-11-22", end_date=TOMORROW)
    recorded = RECORDED[f"GET {path}"]["body"]
    same_shape(answer["metadata"], recorded["metadata"])
    [day], theirs = answer["results"], recorded["results"][0]
    assert day["date"] == TODAY
    same_shape(day["metrics"], theirs["metrics"])
    assert day["breakdown"].keys() == theirs["breakdown"].keys()
    for part in ("models", "model_groups", "providers", "endpoints", "api_keys", "entities"):
        ours, first = by_name(day["breakdown"][part]), by_name(theirs["breakdown"][part])[0]
        assert ours[0].keys() == first.keys(), part
        same_shape(ours[0]["metrics"], first["metrics"], part)
    assert day["breakdown"]["models"]["openai/gpt-4-0613"]["metrics"]["spend"] == 0.0000015
    [entity_metrics] = [node["metrics"] for name, node in day["breakdown"]["entities"].items() if name != "prod"]
    assert entity_metrics["api_requests"] == 3
    total = answer["metadata"]
    assert (total["total_spend"], total["total_api_requests"]) == (0.0000015, 3)
    assert (total["total_successful_requests"], total["total_failed_requests"]) == (1, 2)
    assert total["total_cache_read_input_tokens"] == 6


async def test_keys_are_listed_with_all_they_spent(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    await serve_control(bus, ControlPlane(bus, load_config(None, {})))
    keys = {}
    for alias in ("idle", "busy"):
        body = {"actor": {"id": "default_user_id", "admin": True}, "body": {"key_alias": alias}}
        reply = json.loads(await bus.request(subjects.control("key_generate"), json.dumps(body).encode(), timeout_s=10))
        keys[alias] = reply["body"]["answer"]["entry"]["token"]
    await stored(bus, finished(request_id(), 1_000_001, key=keys["busy"]))
    rows = await client.json("/spend/keys")
    same_shape(rows, RECORDED["spend.keys"]["body"])
    assert [(row["token"], row["key_alias"], row["total_spend"]) for row in rows] == [
        (keys["busy"], "busy", 0.000001000001),
        (keys["idle"], "idle", 0.0),
    ]
    assert len(await client.json("/spend/keys", limit=1)) == 1


async def test_a_key_sees_its_own_requests_and_its_users(bus: Bus, client: Client, ledger: LedgerTask) -> None:
    own, users, strangers = request_id(MADE_MS), request_id(MADE_MS + 1), request_id(MADE_MS + 2)
    await stored(
        bus,
        finished(own, key=token_of(ADA), user_id="ada"),
        finished(users, key=token_of("sk-another"), user_id="ada"),
        finished(strangers, key=token_of(BOB), user_id=""),
    )
    seen = await client.json("/spend/logs", sender=ADA)
    assert [row["litellm_call_id"] for row in seen] == [users, own]
    seen = await client.json("/spend/logs", sender=BOB)
    assert [row["litellm_call_id"] for row in seen] == [strangers]
    dates = {"start_date": TODAY, "end_date": TODAY}
    activity = await client.json("/user/daily/activity", sender=ADA, **dates)
    assert activity["metadata"]["total_api_requests"] == 2
    refused = [
        await client.get("/spend/logs", sender=ADA, api_key=BOB),
        await client.get("/spend/logs", sender=ADA, user_id="bob"),
        await client.get("/user/daily/activity", sender=ADA, user_id="bob", **dates),
        *[await client.get(path, sender=ADA) for path in ("/spend/keys", "/spend/users", "/spend/tags")],
        *[await client.get(path, sender=ADA) for path in ("/global/spend", "/global/activity")],
        await client.get("/global/spend/keys", sender=ADA),
    ]
    for answer in refused:
        assert answer.status_code == 401, answer.text
        assert "Only proxy admin" in answer.json()["error"]["message"]
    same_shape(refused[-1].json(), RECORDED["mgmt.nonadmin.spend"]["body"])
    assert (await client.get("/spend/logs", sender="sk-unknown")).status_code == 401


async def test_ten_thousand_rows_and_one_more_say_that_there_are_more(
    bus: Bus, client: Client, ledger: LedgerTask
) -> None:
    facts = [finished(request_id(MADE_MS + number), number) for number in range(10_001)]
    for start in range(0, len(facts), 1000):
        await publish(bus, *facts[start : start + 1000])
    await written(bus)
    answer = await client.get("/spend/logs")
    assert answer.headers[TRUNCATED] == "true"
    rows = answer.json()
    assert [rows[0]["litellm_call_id"], rows[-1]["litellm_call_id"]] == [facts[-1].request_id, facts[1].request_id]
    assert len(rows) == 10_000
    assert len({row["litellm_call_id"] for row in rows}) == 10_000


@pytest.mark.parametrize(
    ("path", "params", "param"),
    [
        ("/spend/logs", {"start_date": "yesterday"}, "start_date"),
        ("/spend/logs", {"end_date": "2026-13-01"}, "end_date"),
        ("/spend/logs", {"start_date": "0001-01-01T00:00:00+23:00"}, "start_date"),
        ("/spend/logs", {"start_date": TOMORROW, "end_date": TODAY}, "end_date"),
        ("/global/spend", {"start_date": "23.11.2026"}, "start_date"),
        ("/global/activity", {}, "start_date"),
        ("/global/activity", {"start_date": TODAY}, "end_date"),
        ("/user/daily/activity", {"end_date": TODAY}, "start_date"),
    ],
)
async def test_dates_that_make_no_sense_are_named(
    client: Client, path: str, params: dict[str, str], param: str
) -> None:
    answer = await client.get(path, **params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


async def test_other_parameters_that_make_no_sense_are_named(client: Client) -> None:
    answer = await client.get("/spend/logs", summarize="perhaps")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "summarize"])
    assert (await client.get("/planet/daily/activity", start_date=TODAY, end_date=TODAY)).status_code == 422


async def test_without_a_ledger_the_answer_is_to_come_back_later(client: Client) -> None:
    for path in ("/spend/logs", "/global/spend", "/spend/keys"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), answer.text


async def test_without_its_database_the_answer_is_to_come_back_later(
    bus: Bus, client: Client, settings: LedgerSettings
) -> None:
    nowhere = type(settings.clickhouse_url)("http://default@127.0.0.1:9/nothing")
    async with running_ledger(settings.model_copy(update={"clickhouse_url": nowhere})):
        assert (await ask(bus, "health")).error is None
        answer = await client.get("/global/spend")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), answer.text


async def test_a_question_to_a_ledger_that_dies_is_given_up_when_it_falls_silent(bus: Bus, client: Client) -> None:
    """Given a ledger that takes a question and is never heard of again, the answer is to come back, soon."""
    taken = asyncio.Event()
    await bus.subscribe(subjects.query("global_spend"), lambda _: taken.set(), subjects.LEDGERS)
    beating = asyncio.create_task(beat(bus, "ledger"))
    await asyncio.sleep(0.1)
    asked = asyncio.create_task(client.get("/global/spend"))
    async with asyncio.timeout(5):
        await taken.wait()
        beating.cancel()
        answer = await asked
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), answer.text
    assert "died" in answer.text
