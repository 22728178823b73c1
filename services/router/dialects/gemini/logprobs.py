"""How sure a model was of each token: chat's `logprobs` as Google's logprobsResult.

Source: https://ai.google.dev/api/generate-content#LogprobsResult
"""

from typing import Any


def logprobs_of(told: object) -> dict[str, Any]:
    """Return the fields of a candidate that tell it, none where chat's choice tells nothing."""
    content = told.get("content") if isinstance(told, dict) else None
    tokens = [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []
    if not tokens:
        return {}
    chosen = [_candidate(each) for each in tokens]
    found: dict[str, Any] = {"chosenCandidates": chosen}
    tops = [{"candidates": [_candidate(top) for top in each.get("top_logprobs") or ()]} for each in tokens]
    if any(top["candidates"] for top in tops):
        found["topCandidates"] = tops
    known = [one["logProbability"] for one in chosen if isinstance(one["logProbability"], int | float)]
    return {"logprobsResult": found, **({"avgLogprobs": sum(known) / len(known)} if known else {})}


def _candidate(token: dict[str, Any]) -> dict[str, Any]:
    return {"token": token.get("token", ""), "logProbability": token.get("logprob")}
