"""The virtual keys that cases call with, beside the one with a budget: made by the admin API, as an operator does."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.cases import FEW, MANY
from bench.children import call_json

BUDGET_USD = 1_000_000
LIMIT = 1_000_000_000
"""Nothing of what is set is ever reached: what is measured is what it takes to decide."""

AT_ONCE = 8

Post = Callable[[str, dict[str, object]], dict[str, str]]


def make_keys(url: str, master_key: str, wanted: Collection[str], models: Sequence[str], work: Path) -> dict[str, str]:
    """Return what a load takes for each of the `wanted` kinds of `bench.cases.Case.keys`; files go to `work`."""

    def post(path: str, body: dict[str, object]) -> dict[str, str]:
        made: dict[str, str] = call_json("POST", f"{url}{path}", key=master_key, body=body)
        return made

    found: dict[str, str] = {}
    if "plain" in wanted:
        found["plain"] = post("/key/generate", {"models": list(models), "key_alias": "plain"})["key"]
    if "held" in wanted:
        found["held"] = _held(post, models)
    for kind, count in (("few", FEW), ("many", MANY)):
        if kind in wanted:
            path = work / f"{kind}.keys"
            path.write_text("\n".join(_budgeted(post, models, kind, count)))
            found[kind] = f"@{path}"
    return found


def _held(post: Post, models: Sequence[str]) -> str:
    """A key, its team and the member, with a budget each; limits of the key and of the team."""
    team = post("/team/new", {"team_alias": "hot", "max_budget": BUDGET_USD, "tpm_limit": LIMIT})["team_id"]
    member = {"role": "user", "user_id": "bench-user"}
    post("/team/member_add", {"team_id": team, "member": member, "max_budget_in_team": BUDGET_USD})
    key = {"team_id": team, "user_id": "bench-user", "max_budget": BUDGET_USD, "rpm_limit": LIMIT}
    return post("/key/generate", {"models": list(models), "key_alias": "held", **key})["key"]


def _budgeted(post: Post, models: Sequence[str], kind: str, count: int) -> list[str]:
    def make(number: int) -> str:
        body = {"models": list(models), "key_alias": f"{kind}-{number}", "max_budget": BUDGET_USD}
        return post("/key/generate", body)["key"]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(make, range(count)))
