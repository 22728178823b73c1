"""Which thresholds a spend has reached, whose account it is, and what a hook is told of it."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.policy.budgets.tree import TreeRules
from services.policy.hooks.message import event_message, slack_text, webhook_event
from services.policy.hooks.targets import Hooks, Target, hooks_of
from services.policy.thresholds.levels import Level, levels_reached
from services.policy.thresholds.terms import Directory, Terms
from services.policy.thresholds.told import fact_id, name_of
from shared.config import load_config
from shared.facts import BudgetThresholdCrossed
from shared.identity.holders import GLOBAL_ACCOUNT, Holder, Window, account_of, entry_name, home_of
from tests.budgets import key_of_budget

PERCENTS = (50, 80, 100)


@pytest.mark.parametrize(
    ("spent", "limit", "soft", "names"),
    [
        (0, 100, None, []),
        (49, 100, None, []),
        (50, 100, None, ["50"]),
        (79, 100, 79, ["50", "soft"]),
        (99, 100, None, ["50", "80"]),
        (100, 100, None, ["50", "80", "100"]),
        (250, 100, 120, ["50", "80", "100", "soft"]),
        (5, None, 5, ["soft"]),
        (5, None, None, []),
        (0, 0, None, []),
        (1, 3, None, []),
        (2, 3, None, ["50"]),
        (0, 100, 0, ["soft"]),
    ],
)
def test_what_is_spent_reaches_thresholds(spent: int, limit: int | None, soft: int | None, names: list[str]) -> None:
    assert [level.name for level in levels_reached(spent, limit, soft, PERCENTS, refused=False)] == names


@pytest.mark.parametrize(("spent", "full"), [(989, False), (990, True), (1_000, True)])
def test_a_budget_that_has_nothing_left_for_a_request_is_spent(spent: int, full: bool) -> None:
    assert (Level("100", 100) in levels_reached(spent, 1_000, None, PERCENTS, refused=True)) is full


# whose account it is


def holder(kind: Any, holder_id: str, *windows: Window, **fields: Any) -> Holder:
    values = {"version": 1, "tenant": home_of(kind, holder_id), "created_at": 0.0, "updated_at": 0.0}
    return Holder(kind=kind, id=holder_id, budgets=windows, **{**values, **fields})


TEAM = holder("team", "t1", Window(100, "1d"), Window(9, "1h", listed=True), alias="A", soft_budget_pico=70)
LONG = holder("user", "u" * 300, Window(100), increase_pico=11, increase_until=1_000.0)
SHARED = holder("budget", "b1", Window(55, "7d"))
TAG = holder("tag", "x:y", budget_id="b1")
KNOWN = holder("end_user", "known")
HOLDERS = {entry_name(one.kind, one.id): one for one in (TEAM, LONG, SHARED, TAG, KNOWN)}
KEY = key_of_budget(40, token="k" * 64, key_alias="front", soft_budget_pico=30, team_id="t1", tenant="t1")
BY_MODEL = key_of_budget(None, token="m" * 64, budgets=(Window(7, "1d", model="gpt-4o"),))
RULES = TreeRules(
    4, global_budget=Window(1_000, "1mo"), providers={"openai": Window(300, "1d")}, end_user_budget=Window(5, "1d")
)
DIRECTORY = Directory({KEY.token: KEY, BY_MODEL.token: BY_MODEL}, HOLDERS, RULES)


@pytest.mark.parametrize(
    ("account", "terms"),
    [
        (KEY.token, Terms("key", KEY.token, "t1", 40, 30, "front", "", "", "", "t1")),
        (BY_MODEL.token, Terms("key", BY_MODEL.token, BY_MODEL.token, None)),
        (
            account_of("key", BY_MODEL.token, BY_MODEL.budgets[0]),
            Terms("key", BY_MODEL.token, BY_MODEL.token, 7, None, "", "1d", "gpt-4o"),
        ),
        ("team:t1", Terms("team", "t1", "t1", 100, 70, "A", "1d", "", "", "t1")),
        ("team@1h:t1", Terms("team", "t1", "t1", 9, None, "A", "1h", "", "", "t1")),
        ("tag:x:y", Terms("tag", "x:y", "tag:x:y", 55, None, "", "7d")),
        (account_of("user", LONG.id), Terms("user", LONG.id, LONG.tenant, 111, user_id=LONG.id)),
        ("end_user:known", Terms("end_user", "known", "end_user:known", 5)),
        ("end_user:anybody", Terms("end_user", "anybody", "end_user:anybody", 5, duration="1d")),
        (GLOBAL_ACCOUNT, Terms("global", "", GLOBAL_ACCOUNT, 1_000, duration="1mo")),
        ("provider:openai", Terms("provider", "openai", "provider:openai", 300, duration="1d")),
        ("provider:groq", None),
        ("team@9h:t1", None),
        ("team:nobody", None),
        ("litellm_proxy_master_key", None),
        ("f" * 64, None),
        ("key~gpt-4o:" + "f" * 64, None),
        ("planet:mars", None),
    ],
)
def test_an_accounts_name_says_whose_budget_it_is(account: str, terms: Terms | None) -> None:
    assert DIRECTORY.terms_of(account, 5.0) == (terms and terms._replace(pattern=terms.duration))


def test_an_increase_of_a_shared_budget_counts_as_admission_has_it() -> None:
    shared = holder("budget", "b", Window(10), increase_pico=5, increase_until=9.0)
    holders = {entry_name(one.kind, one.id): one for one in (shared, holder("team", "t", budget_id="b"))}
    key = key_of_budget(None, token="k" * 64, budget_id="b")
    directory = Directory({key.token: key}, holders, RULES)
    for account in (key.token, "team:t"):
        found = [directory.terms_of(account, now) for now in (8.0, 9.0)]
        assert [terms.limit for terms in found if terms] == [15, 10]


def test_an_increase_counts_until_its_end() -> None:
    found = DIRECTORY.terms_of(account_of("user", LONG.id), 2_000.0)
    assert found is not None
    assert found.limit == 100


def test_a_crossing_has_one_id_in_a_window() -> None:
    assert fact_id("team:t1", 3, "80") == f"thr_{name_of('team:t1')}_3_80"
    assert len({fact_id(account, window, "50") for account in ("a", "b") for window in (1, 2)}) == 4


# what a hook is sent


def crossing(**fields: Any) -> BudgetThresholdCrossed:
    values: dict[str, Any] = {
        "id": "thr_1",
        "ts_ms": 5,
        "tenant": "t1",
        "account": KEY.token,
        "holder_kind": "key",
        "holder": KEY.token,
        "alias": "front",
        "percent": 80,
        "spend_pico": 8_250_000_000_000,
        "limit_pico": 10 * 10**12,
        "window": 1,
        "window_end_ms": 1_795_415_243_000,
        "team_id": "t1",
        "partition": 0,
    }
    return BudgetThresholdCrossed(**{**values, **fields})


def test_a_webhook_gets_litellms_event() -> None:
    assert webhook_event(crossing()) == {
        "spend": 8.25,
        "max_budget": 10.0,
        "soft_budget": None,
        "token": KEY.token,
        "customer_id": None,
        "user_id": None,
        "team_id": "t1",
        "team_alias": None,
        "organization_id": None,
        "user_email": None,
        "key_alias": "front",
        "projected_exceeded_date": None,
        "projected_spend": None,
        "event": "threshold_crossed",
        "event_group": "key",
        "event_message": "Key Budget: 80% Threshold Crossed",
        "id": "thr_1",
    }


@pytest.mark.parametrize(
    ("fields", "event", "group", "message"),
    [
        ({"percent": 100}, "budget_crossed", "key", "Key Budget: Budget Crossed"),
        ({"percent": None, "soft_budget_pico": 5}, "soft_budget_crossed", "key", "Soft Budget Crossed: Key Budget"),
        ({"holder_kind": "member"}, "threshold_crossed", "team_member", "Team Member Budget: 80% Threshold Crossed"),
        ({"holder_kind": "global"}, "threshold_crossed", "proxy", "Proxy Budget: 80% Threshold Crossed"),
        ({"holder_kind": "end_user"}, "threshold_crossed", "end_user", "End User Budget: 80% Threshold Crossed"),
    ],
)
def test_events_are_named_as_litellm_names_them(fields: dict[str, Any], event: str, group: str, message: str) -> None:
    told = webhook_event(crossing(**fields))
    assert (told["event"], told["event_group"], told["event_message"]) == (event, group, message)
    assert event_message(crossing(**fields)) == message


def test_slack_gets_a_text_that_names_no_secret_and_breaks_no_markup() -> None:
    text = slack_text(crossing(alias="a<b>&`c`"))
    assert text.splitlines() == [
        "*Key Budget: 80% Threshold Crossed*",
        "Key: `a&lt;b&gt;&amp;'c'`",
        "Spend: `$8.25` of `$10`",
        "Resets: `2026-11-23 06:27:23 UTC`",
    ]


# which hooks there are


def hooks(general: dict[str, Any], **environ: str) -> Hooks:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"general_settings": general}, file)
        file.flush()
        return hooks_of(load_config(Path(file.name), environ), environ)


HOOK, CHAT = "http://127.0.0.1:1/hook", "http://127.0.0.1:1/chat"


@pytest.mark.parametrize(
    ("general", "environ", "found"),
    [
        ({}, {"WEBHOOK_URL": HOOK}, ()),
        ({"alerting": ["webhook"]}, {"WEBHOOK_URL": HOOK}, (Target("webhook", HOOK, False),)),
        ({"alerting": "slack"}, {"SLACK_WEBHOOK_URL": CHAT}, (Target("slack", CHAT, True),)),
        ({"alerting": ["slack"]}, {"ALERTING_WEBHOOK_URL": CHAT}, (Target("slack", CHAT, True),)),
        (
            {"alerting": ["webhook", "slack", "slack"]},
            {"WEBHOOK_URL": HOOK, "SLACK_WEBHOOK_URL": CHAT},
            (Target("webhook", HOOK, False), Target("slack", CHAT, True)),
        ),
        (
            {"alerting": ["slack"], "alert_to_webhook_url": {"budget_alerts": [HOOK, CHAT]}},
            {"SLACK_WEBHOOK_URL": "http://not.this.one"},
            (Target("slack 1", HOOK, True), Target("slack 2", CHAT, True)),
        ),
        (
            {"alerting": ["slack"], "alert_to_webhook_url": {"budget_alerts": "os.environ/MINE"}},
            {"MINE": CHAT},
            (Target("slack", CHAT, True),),
        ),
        ({"alerting": ["slack"], "alert_types": ["llm_exceptions"]}, {"SLACK_WEBHOOK_URL": CHAT}, ()),
        (
            {"alerting": ["slack"], "alert_types": ["budget_alerts"]},
            {"SLACK_WEBHOOK_URL": CHAT},
            (Target("slack", CHAT, True),),
        ),
    ],
)
def test_hooks_are_found_where_litellm_looks_for_them(
    general: dict[str, Any], environ: dict[str, str], found: tuple[Target, ...]
) -> None:
    assert hooks(general, **environ) == (found, ())


@pytest.mark.parametrize(
    ("general", "environ", "told"),
    [
        ({"alerting": ["webhook"]}, {}, "set WEBHOOK_URL in the environment"),
        ({"alerting": ["slack"]}, {}, "set SLACK_WEBHOOK_URL in the environment"),
        ({"alerting": ["email"]}, {}, "has 'email', which is not sent"),
        ({"alerting": ["slack"]}, {"SLACK_WEBHOOK_URL": "hooks.slack.com"}, "must begin with http"),
        (
            {"alerting": ["slack"], "alert_to_webhook_url": {"budget_alerts": "os.environ/NO"}},
            {},
            "set the environment variable NO",
        ),
        (
            {"alerting": ["slack"], "alert_to_webhook_url": {"budget_alerts": "ftp://x"}},
            {},
            "alert_to_webhook_url.budget_alerts must begin with http",
        ),
    ],
)
def test_a_hook_without_an_address_keeps_nobody_from_starting_and_is_named(
    general: dict[str, Any], environ: dict[str, str], told: str
) -> None:
    targets, problems = hooks(general, **environ)
    assert targets == ()
    assert len(problems) == 1
    assert told in problems[0]
