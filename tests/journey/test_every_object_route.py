"""No way around files, batches and stored responses: every route is identified, admitted, its owner's, and told of."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from services.edge.calls.endpoint import Endpoint
from services.edge.objects.paths import ENDPOINTS
from shared.kept.object_calls import LISTS
from tests.journey.batch_provider import BatchProvider
from tests.running_gateway import RunningGateway

Eventually = Callable[..., Any]
LINE = {"model": "batch", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
CONTENT = json.dumps({"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": LINE}).encode()
ALL = [(endpoint, path) for endpoint in ENDPOINTS.values() for path in endpoint.paths]
every_route = pytest.mark.parametrize(
    ("endpoint", "path"), [pytest.param(*each, id=f"{each[0].method} {each[1]}") for each in ALL]
)
every_call = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.name)


class Walker:
    def __init__(self, gateway: RunningGateway, batches: BatchProvider, owner: str) -> None:
        self._url = gateway.url
        self._batches = batches
        self._owner = {"authorization": f"Bearer {owner}"}
        made = httpx.post(
            f"{self._url}/v1/files", headers=self._owner, files={"file": ("a", CONTENT)}, data={"purpose": "batch"}
        )
        self.file_id = made.json()["id"]
        asked = {"input_file_id": self.file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        self.batch_id = httpx.post(f"{self._url}/v1/batches", headers=self._owner, json=asked).json()["id"]
        self._response_of = {owner: self.respond(owner)}
        self._owner_key = owner

    def respond(self, key: str) -> str:
        """Have a response made and kept here, which is this key's alone; return its id."""
        asked = {"model": "recorded", "input": "keep it", "store": True}
        headers = {"authorization": f"Bearer {key}"}
        return str(httpx.post(f"{self._url}/v1/responses", headers=headers, json=asked, timeout=30).json()["id"])

    def own(self, key: str, response_id: str) -> str:
        """From now on, `key` is asked with for its own response."""
        self._response_of[key] = response_id
        return key

    def ask(self, endpoint: Endpoint, path: str, key: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        sent: dict[str, Any] = {}
        if endpoint.call_type == "acreate_file":
            sent = {"files": {"file": ("a.jsonl", CONTENT)}, "data": {"purpose": "batch"}}
        elif endpoint.call_type == "acreate_batch":
            sent = {"json": {"input_file_id": self.file_id, "endpoint": "/v1/chat/completions"}}
        response_id = self._response_of.get(key, self._response_of[self._owner_key])
        path = path.replace(
            "{id}", self.file_id if "/files" in path else self.batch_id if "/batches" in path else response_id
        )
        return httpx.request(endpoint.method, self._url + path, headers=headers, timeout=30, **sent)

    def refused(self, endpoint: Endpoint, path: str, key: str) -> httpx.Response:
        """The provider must not have heard of it."""
        before = self._heard()
        answer = self.ask(endpoint, path, key)
        assert answer.status_code >= 400, answer.text
        assert self._heard() == before
        return answer

    def _heard(self) -> int:
        """What the provider was asked but for the gateway's own questions about the open batches of other tests."""
        ours = (self.file_id, self.batch_id, *self._response_of.values())
        asked = [(method, path) for method, path, _ in self._batches.asked]
        return sum(method == "POST" or any(part in ours for part in path.split("/")) for method, path in asked)


@pytest.fixture(scope="module")
def owner(master: httpx.Client) -> str:
    return str(master.post("/key/generate", json={"user_id": "walks-objects"}).json()["key"])


@pytest.fixture(scope="module")
def walker(gateway: RunningGateway, batch_provider: BatchProvider, owner: str, master: httpx.Client) -> Walker:
    """Its own batch has ended and is settled: nobody asks for it any more."""
    walker = Walker(gateway, batch_provider, owner)
    batch_provider.run(walker.batch_id)
    give_up = time.monotonic() + 20
    while not [row for row in master.get("/spend/logs", params={"api_key": owner}).json() if row["spend"]]:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    return walker


@pytest.fixture(scope="module")
def keys(walker: Walker, master: httpx.Client) -> dict[str, str]:
    """Keys of the same user that may not call any more; each has made a response before."""
    asked = {"expired": {"duration": "1s"}, "empty": {"max_budget": 0}, "elsewhere": {"models": ["demo"]}}
    made: dict[str, str] = {}
    for name, fields in asked.items():
        key = str(master.post("/key/generate", json={"user_id": "walks-objects"}).json()["key"])
        made[name] = walker.own(key, walker.respond(key))
        assert master.post("/key/update", json={"key": key, **fields}).status_code == 200
    time.sleep(1.1)
    return made


@every_route
def test_every_route_wants_a_key(walker: Walker, endpoint: Endpoint, path: str) -> None:
    for key in ("", "sk-unknown"):
        answer = walker.refused(endpoint, path, key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "401")


@every_route
def test_every_route_shows_a_stranger_nothing(
    walker: Walker, endpoint: Endpoint, path: str, new_key: Callable[..., str]
) -> None:
    if endpoint.call_type == "acreate_file":
        return  # there is nothing of anybody's in it
    if endpoint.call_type in LISTS:
        assert walker.ask(endpoint, path, new_key()).json()["data"] == []
    else:
        answer = walker.refused(endpoint, path, new_key())
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


@every_call
def test_every_call_refuses_an_expired_key_and_says_so_as_a_fact(
    walker: Walker, endpoint: Endpoint, keys: dict[str, str], master: httpx.Client, eventually: Eventually
) -> None:
    answer = walker.refused(endpoint, endpoint.paths[0], keys["expired"])
    assert (answer.status_code, "Expired Key" in answer.text) == (401, True)
    asked = {"request_id": answer.headers["x-litellm-call-id"]}
    (row,) = eventually(lambda: master.get("/spend/logs", params=asked).json(), 5.0)
    assert (row["status"], row["call_type"], row["spend"]) == ("failure", endpoint.call_type, 0)


@every_call
def test_every_call_keeps_a_key_to_its_models(walker: Walker, endpoint: Endpoint, keys: dict[str, str]) -> None:
    """A list concerns no model: it shows what the caller has, and nothing in it can be reached by such a key."""
    if endpoint.call_type in LISTS:
        assert walker.ask(endpoint, endpoint.paths[0], keys["elsewhere"]).json()["data"]
    else:
        assert walker.refused(endpoint, endpoint.paths[0], keys["elsewhere"]).status_code == 403


@every_call
def test_every_call_refuses_a_key_without_money(walker: Walker, endpoint: Endpoint, keys: dict[str, str]) -> None:
    answer = walker.refused(endpoint, endpoint.paths[0], keys["empty"])
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "budget_exceeded")


READING = [endpoint for endpoint in ENDPOINTS.values() if endpoint.method == "GET"]


@pytest.mark.parametrize("endpoint", READING, ids=lambda endpoint: endpoint.name)
def test_every_reading_call_is_told_of_and_counts_in_its_keys_limit(
    walker: Walker, endpoint: Endpoint, new_key: Callable[..., str], master: httpx.Client, eventually: Eventually
) -> None:
    """What is made and deleted is told of in the tests of files and batches."""
    has_response = "/responses" in endpoint.name
    key = new_key(user_id="walks-objects", rpm_limit=2 if has_response else 1)
    if has_response:
        walker.own(key, walker.respond(key))
    answer = walker.ask(endpoint, endpoint.paths[0], key)
    assert (answer.status_code, answer.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    asked = {"request_id": answer.headers["x-litellm-call-id"]}
    (row,) = eventually(lambda: master.get("/spend/logs", params=asked).json(), 5.0)
    assert (row["status"], row["call_type"], row["spend"]) == ("success", endpoint.call_type, 0)
    refused = walker.refused(endpoint, endpoint.paths[0], key)
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    asked = {"request_id": refused.headers["x-litellm-call-id"]}
    (row,) = eventually(lambda: master.get("/spend/logs", params=asked).json(), 5.0)
    assert (row["status"], row["call_type"]) == ("failure", endpoint.call_type)
