"""Teams and whoever else a key belongs to: what they may not do is refused at once."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]


def ask(client: openai.OpenAI, model: str = "demo", **fields: Any) -> Any:
    return client.chat.completions.create(model=model, messages=HELLO, **fields)


def done(master: httpx.Client, path: str, **body: Any) -> Any:
    answer = master.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_blocked_team_is_refused_and_served_again_at_once(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client
) -> None:
    team_id = done(master, "/team/new", team_alias="blocked")["team_id"]
    client = sdk_with(new_key(team_id=team_id))
    assert ask(client).choices
    for _ in range(2):
        done(master, "/team/block", team_id=team_id)
        with pytest.raises(openai.AuthenticationError, match=f"Team={team_id} is blocked"):
            ask(client)
        done(master, "/team/unblock", team_id=team_id)
        assert ask(client).choices
    done(master, "/team/delete", team_ids=[team_id])
    with pytest.raises(openai.AuthenticationError, match="Unable to find token"):
        ask(client)


def test_a_key_of_a_team_has_the_teams_models_and_a_member_its_own(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client
) -> None:
    team_id = done(master, "/team/new", models=["demo", "unit"], model_aliases={"quick": "demo"})["team_id"]
    user_id = str(uuid4())
    done(
        master,
        "/team/member_add",
        team_id=team_id,
        member={"role": "user", "user_id": user_id},
        allowed_models=["unit"],
    )
    client = sdk_with(new_key(team_id=team_id))
    member = sdk_with(new_key(team_id=team_id, user_id=user_id))
    assert sorted(model.id for model in client.models.list()) == ["demo", "nickname", "quick", "unit"]
    assert ask(client, "quick").choices
    with pytest.raises(openai.PermissionDeniedError) as denied:
        ask(client, "team/nested")
    assert denied.value.body["type"] == "team_model_access_denied"  # type: ignore[index]
    assert [model.id for model in member.models.list()] == ["unit"]
    with pytest.raises(openai.PermissionDeniedError) as denied:
        ask(member, "demo")
    assert denied.value.body["type"] == "team_member_model_access_denied"  # type: ignore[index]
    done(master, "/team/model/add", team_id=team_id, models=["team/nested"])
    assert ask(client, "team/nested").choices


def test_a_blocked_user_is_refused_at_once_and_one_that_administers_may(
    sdk_with: SdkWith, master: httpx.Client
) -> None:
    made = done(master, "/user/new", user_role="proxy_admin")
    client = sdk_with(made["key"])
    assert ask(client).choices
    admin = {"Authorization": f"Bearer {made['key']}"}
    assert master.post("/team/new", json={}, headers=admin).status_code == 200
    done(master, "/user/update", user_id=made["user_id"], user_role="internal_user")
    refused = master.post("/team/new", json={}, headers=admin)
    assert refused.status_code == 401
    assert "Your role=internal_user" in refused.text
    done(master, "/user/block", user_id=made["user_id"])
    with pytest.raises(openai.AuthenticationError, match=f"User={made['user_id']} is blocked"):
        ask(client)
    done(master, "/user/unblock", user_id=made["user_id"])
    assert ask(client).choices


def test_a_blocked_customer_is_refused_at_once_whosever_key_asks(sdk: openai.OpenAI, master: httpx.Client) -> None:
    customer = str(uuid4())
    assert ask(sdk, user=customer).choices
    done(master, "/customer/block", user_ids=[customer])
    with pytest.raises(openai.BadRequestError, match="User blocked from making LLM API Calls"):
        ask(sdk, user=customer)
    done(master, "/customer/unblock", user_ids=[customer])
    assert ask(sdk, user=customer).choices


def spend_of(master: httpx.Client, team_id: str) -> Any:
    return master.get("/team/info", params={"team_id": team_id}).json()["team_info"]["spend"]


@pytest.mark.parametrize("holder", ["team", "member", "user", "organization", "customer", "tag", "budget_id"])
def test_a_budget_of_two_units_serves_two_requests_whoever_has_it(
    holder: str, new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    """Set over HTTP, kept on requests, shown over HTTP: at every level."""
    name, budget = f"{holder}-{uuid4()}", {"max_budget": 2}
    of_key: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    if holder in ("team", "member"):
        done(master, "/team/new", team_id=name, **(budget if holder == "team" else {}))
        of_key = {"team_id": name}
    if holder == "member":
        member = {"role": "user", "user_id": name}
        done(master, "/team/member_add", team_id=name, member=member, max_budget_in_team=2)
        of_key["user_id"] = name
    elif holder == "user":
        done(master, "/user/new", user_id=name, auto_create_key=False, **budget)
        of_key = {"user_id": name}
    elif holder == "organization":
        done(master, "/organization/new", organization_id=name, **budget)
        of_key = {"organization_id": name}
    elif holder == "customer":
        done(master, "/customer/new", user_id=name, **budget)
        fields = {"user": name}
    elif holder == "tag":
        done(master, "/tag/new", name=name, **budget)
        fields = {"extra_body": {"tags": [name]}}
    elif holder == "budget_id":
        done(master, "/budget/new", budget_id=name, **budget)
        of_key = {"budget_id": name}
    client = sdk_with(new_key(**of_key))
    served = []
    for _ in range(2):
        served.append(eventually(lambda: ask(client, "unit", **fields).choices, 5))
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, "unit", **fields)
    assert (refused.value.status_code, len(served)) == (422, 2)
    assert refused.value.body["type"] == "budget_exceeded"  # type: ignore[index]
    if holder == "team":
        eventually(lambda: spend_of(master, name) == 2, 5)


def test_a_team_of_two_requests_a_minute_serves_two(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client
) -> None:
    team_id = done(master, "/team/new", rpm_limit=2)["team_id"]
    clients = [sdk_with(new_key(team_id=team_id)) for _ in range(2)]
    for client in clients:
        assert ask(client).choices
    with pytest.raises(openai.RateLimitError):
        ask(clients[0])
    done(master, "/team/update", team_id=team_id, rpm_limit=None)
    assert ask(clients[0]).choices


def test_spend_of_users_and_customers_without_a_budget_is_told_all_the_same(
    sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    made, customer = done(master, "/user/new"), str(uuid4())
    done(master, "/customer/new", user_id=customer)
    assert ask(sdk_with(made["key"]), "unit", user=customer).choices

    def both_told() -> bool:
        user = master.get("/user/info", params={"user_id": made["user_id"]}).json()["user_info"]
        listed = master.get("/user/list", params={"user_ids": made["user_id"]}).json()["users"][0]
        told = master.get("/customer/info", params={"end_user_id": customer}).json()
        return bool(user["spend"] == listed["spend"] == told["spend"] == 1)

    eventually(both_told, 10)
