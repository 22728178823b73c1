"""What the responses of realtime sessions cost, and what a budget, a limit and an early end make of that."""

import json
import time

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from services.edge.realtime.endpoint import REALTIME
from tests.journey.realtime.talking import (
    TEXT,
    Eventually,
    NewKey,
    Open,
    ask,
    closed_with,
    hear,
    hear_error,
    refused,
    rows,
    say,
    spent,
    token_of,
)
from tests.provider_servers.realtime import RealtimeServer


def test_a_budget_ends_a_session_and_is_not_passed(
    opened: Open,
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    budget, speaker.words = 0.03, 150
    key = new_key(max_budget=budget)
    session = opened(key)
    hear(session, "session.created")
    made, error = 0, None
    while error is None:
        say(session, "response.create", response=TEXT)
        while True:
            event = json.loads(session.recv(timeout=10))
            if event["type"] == "error":
                error = event["error"]
            made += event["type"] == "response.done"
            if event["type"] in ("error", "response.done"):
                break
    assert (error["type"], error["code"]) == ("budget_exceeded", "budget_exceeded")
    assert closed_with(session) == 1008
    assert made > 1
    maxima = [event["response"].get("max_output_tokens") for event in speaker.events("response.create")[-made:]]
    assert all(maximum is not None for maximum in maxima)
    assert maxima[-1] < maxima[0], "the last answers were shortened to what was left"
    eventually(lambda: len(rows(master, "_arealtime", api_key=token_of(master, key), summarize="false")) > made, 5.0)
    assert 0 < spent(master, key) <= budget


def test_a_session_is_one_request_and_one_slot_however_many_responses_it_has(
    opened: Open, new_key: NewKey, eventually: Eventually
) -> None:
    key = new_key(max_parallel_requests=1, rpm_limit=2)
    session = opened(key)
    for _ in range(4):
        assert ask(session)["response"]["status"] == "completed"
    assert refused(opened, key)[0] == 429
    session.close()

    def again() -> ClientConnection | None:
        try:
            return opened(key)
        except InvalidStatus:
            return None

    second = eventually(again, 5.0)
    ask(second)
    second.close()
    assert refused(opened, key)[0] == 429, "two in a minute are all"


def test_tokens_are_limited_and_a_refused_response_leaves_the_session_open(
    opened: Open, new_key: NewKey, speaker: RealtimeServer
) -> None:
    speaker.words = 100
    key = new_key(tpm_limit=1_000)
    session = opened(key)
    hear(session, "session.created")
    assert ask(session, max_output_tokens=200)["response"]["status"] == "completed"
    say(session, "response.create", response={**TEXT, "max_output_tokens": 700}, event_id="too-much")
    error = hear_error(session)
    assert (error["type"], error["event_id"]) == ("throttling_error", "too-much")
    assert ask(session, max_output_tokens=1)["response"]["status"] == "incomplete"


def test_a_client_that_leaves_in_the_middle_of_a_response_pays_for_what_was_made(
    opened: Open,
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.holds = True
    key, ended = new_key(max_budget=5), speaker.closed
    session = opened(key)
    say(session, "response.create", response=TEXT)
    hear(session, "response.output_text.delta")
    session.close()
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 10.0)
    assert (row["completion_tokens"], row["metadata"]["meterhouse"]["usage_source"]) == (5, "provider")
    assert speaker.events("response.cancel")
    eventually(lambda: speaker.closed > ended, 5.0)
    (whole,) = eventually(lambda: rows(master, REALTIME.call_type, api_key=token_of(master, key)), 5.0)
    assert whole["spend"] == 0


def test_a_response_whose_usage_nobody_tells_is_counted(
    opened: Open,
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.says_usage = False
    key = new_key(max_budget=5)
    session = opened(key)
    ask(session)
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert row["metadata"]["meterhouse"]["usage_source"] == "counted"
    assert row["completion_tokens"] >= 5
    assert row["prompt_tokens"] >= 10, "what it can have read at most"


def test_a_provider_that_breaks_off_is_told_and_the_response_is_charged_for_what_was_heard(
    opened: Open,
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.holds = True
    key = new_key(max_budget=5)
    session = opened(key)
    say(session, "response.create", response=TEXT)
    hear(session, "response.output_text.delta")
    speaker.break_off()
    assert "broke off" in hear_error(session)["message"]
    assert closed_with(session) == 1011
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 10.0)
    assert (row["status"], row["completion_tokens"] > 0) == ("failure", True)


def test_a_response_that_the_provider_refuses_costs_nothing(
    opened: Open,
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.holds = True
    key = new_key(max_budget=5)
    session = opened(key)
    say(session, "response.create", response=TEXT)
    hear(session, "response.created")
    say(session, "response.create", response=TEXT, event_id="second")
    error = hear_error(session)
    assert (error["event_id"], "active response" in error["message"]) == ("second", True)
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert (row["status"], row["spend"]) == ("failure", 0)
    say(session, "response.cancel")
    assert hear(session, "response.done")["response"]["status"] == "cancelled"


def test_a_key_that_is_blocked_makes_no_further_response(opened: Open, new_key: NewKey, master: httpx.Client) -> None:
    key = new_key()
    session = opened(key)
    ask(session)
    assert master.post("/key/block", json={"key": key}).status_code == 200
    time.sleep(0.5)
    say(session, "response.create", response=TEXT)
    assert "blocked" in hear_error(session)["message"]
    assert closed_with(session) == 1008
