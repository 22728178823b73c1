"""Every limit of everybody: each field, set through the admin API on each kind of holder, is kept."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import openai
import pytest

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
NewKey = Callable[..., str]
SdkWith = Callable[[str], openai.OpenAI]

FIELDS = ("rpm_limit", "tpm_limit", "tpd_limit", "max_parallel_requests", "model_rpm_limit", "model_tpm_limit")
TYPES = {
    "rpm_limit": "requests",
    "model_rpm_limit": "requests",
    "max_parallel_requests": "max_parallel_requests",
}
_numbers = itertools.count()


class Made(NamedTuple):
    """A key that a limit concerns, and what a request has to say for that."""

    key: str
    request: dict[str, Any]


def of_key(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    return Made(new_key(**limits), {})


def of_user(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    # LiteLLM's limits by model of /user/new are those of the key that it makes
    by_model = {name: value for name, value in limits.items() if name.startswith("model_")}
    user = made(master, "/user/new", auto_create_key=False, metadata=by_model, **limits)["user_id"]
    return Made(new_key(user_id=user), {})


def of_team(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    return Made(new_key(team_id=made(master, "/team/new", **limits)["team_id"]), {})


def of_member(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    team = made(master, "/team/new")["team_id"]
    user = f"member-{next(_numbers)}"
    for name in ("rpm", "tpm"):
        if f"model_{name}_limit" in limits:  # members have limits by model in LiteLLM's model_max_budget alone
            limits = {"model_max_budget": {"demo": {f"{name}_limit": 0, "budget_limit": 100, "time_period": "1d"}}}
    made(master, "/team/member_add", team_id=team, member={"role": "user", "user_id": user}, **limits)
    return Made(new_key(team_id=team, user_id=user), {})


def of_organization(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    name = f"org-{next(_numbers)}"
    found = made(master, "/organization/new", organization_alias=name, **limits)["organization_id"]
    return Made(new_key(organization_id=found), {})


def of_end_user(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    user = f"customer-{next(_numbers)}"
    made(master, "/customer/new", user_id=user, **limits)
    return Made(new_key(), {"user": user})


def of_tag(master: httpx.Client, new_key: NewKey, limits: dict[str, Any]) -> Made:
    name = f"tag-{next(_numbers)}"
    made(master, "/tag/new", name=name, **limits)
    return Made(new_key(), {"extra_body": {"metadata": {"tags": [name]}}})


HOLDERS = {
    "api_key": of_key,
    "user": of_user,
    "team": of_team,
    "team_member": of_member,
    "organization": of_organization,
    "end_user": of_end_user,
    "tag": of_tag,
}


def made(master: httpx.Client, path: str, **fields: Any) -> dict[str, Any]:
    answer = master.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("kind", HOLDERS)
def test_each_limit_of_each_holder_is_kept_and_told_in_its_name(
    master: httpx.Client, new_key: NewKey, sdk_with: SdkWith, kind: str
) -> None:
    for field in FIELDS:
        key, request = HOLDERS[kind](master, new_key, {field: {"demo": 0} if field.startswith("model_") else 0})
        with pytest.raises(openai.RateLimitError) as caught:
            sdk_with(key).chat.completions.create(model="demo", messages=HELLO, **request)
        name = kind
        if field.startswith("model_"):
            name = "model_per_key" if kind == "api_key" else f"model_per_{kind}"
        message = str(caught.value)
        assert f"Rate limit exceeded for {name}: " in message, field
        assert f"Limit type: {TYPES.get(field, 'tokens')}. Current limit: 0, Remaining: 0" in message, field
