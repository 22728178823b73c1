"""What a member may spend with the keys of an organisation, through the whole gateway."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

HELLO: Any = [{"role": "user", "content": "hello there"}]
SdkWith = Callable[[str], openai.OpenAI]


def test_a_members_budget_in_an_organisation_counts_all_its_keys_there(
    new_key: Callable[..., str], sdk_with: SdkWith, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    organization_id, ann, bob = (str(uuid4()) for _ in range(3))
    assert master.post("/organization/new", json={"organization_id": organization_id}).status_code == 200
    members = [{"role": "internal_user", "user_id": user} for user in (ann, bob)]
    body = {"organization_id": organization_id, "member": members, "max_budget_in_organization": 2}
    assert master.post("/organization/member_add", json=body).status_code == 200
    team = master.post("/team/new", json={"organization_id": organization_id}).json()["team_id"]
    keys = [new_key(organization_id=organization_id, user_id=ann), new_key(team_id=team, user_id=ann)]

    def unit(key: str) -> int:
        try:
            sdk_with(key).chat.completions.create(model="unit", messages=HELLO)
        except openai.APIStatusError as failure:
            return failure.status_code
        return 200

    assert [unit(key) for key in (*keys, *keys)] == [200, 200, 422, 422]
    with pytest.raises(openai.UnprocessableEntityError, match=f"OrganizationMember={ann}:{organization_id} Current"):
        sdk_with(keys[0]).chat.completions.create(model="unit", messages=HELLO)
    assert unit(new_key(organization_id=organization_id, user_id=bob)) == 200
    assert unit(new_key(user_id=ann)) == 200

    def spent() -> dict[str, float]:
        told = master.get("/organization/info", params={"organization_id": organization_id}).json()
        return {member["user_id"]: member["spend"] for member in told["members"]}

    assert eventually(lambda: spent() == {ann: 2.0, bob: 1.0}, 5.0)
    raised = {"organization_id": organization_id, "user_id": ann, "max_budget_in_organization": 3}
    assert master.patch("/organization/member_update", json=raised).status_code == 200
    assert [unit(keys[1]), unit(keys[1])] == [200, 422]
