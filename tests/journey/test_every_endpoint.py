"""There is no way around: every route of the edge is identified, admitted, guarded, held to its budget and told of."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.table import ENDPOINTS
from services.edge.realtime.endpoint import REALTIME
from shared.calls import FREE
from tests.journey.endpoint_samples import SAMPLES, message_in, routes, sample
from tests.journey.recording_provider import RecordingProvider
from tests.running_gateway import RunningGateway

Eventually = Callable[[Callable[[], Any], float], Any]
ROUTES = list(routes())
every_route = pytest.mark.parametrize(("endpoint", "path"), [pytest.param(*each, id=each[1]) for each in ROUTES])
every_endpoint = pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        pytest.param(*each, id=each[1])
        for each in {endpoint.name: (endpoint, path) for endpoint, path in ROUTES}.values()
    ],
)
"""By the last of its paths, where that says more than the first: with the model in it."""


class Walker:
    """Asks one gateway by one key, and finds the fact of what was refused."""

    def __init__(self, gateway: RunningGateway, master: httpx.Client, provider: RecordingProvider) -> None:
        self._gateway = gateway
        self._master = master
        self._provider = provider

    def ask(self, endpoint: Endpoint, path: str, key: str, text: str = "hello") -> httpx.Response:
        asked = sample(endpoint, path, model="recorded", text=text)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.post(self._gateway.url + asked.path, headers=headers, timeout=30, **asked.sent)

    def refused(self, endpoint: Endpoint, path: str, key: str, text: str = "hello") -> tuple[int, str, str]:
        """Return status, message and id of a refusal. The provider must not have heard of it."""
        before = len(self._provider.requests)
        answer = self.ask(endpoint, path, key, text)
        assert answer.status_code >= 400, answer.text
        assert len(self._provider.requests) == before
        message = message_in(endpoint.dialect, answer.status_code, answer.json())
        return answer.status_code, message, answer.headers["x-litellm-call-id"]

    def row_of(self, request_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._master.get("/spend/logs", params={"request_id": request_id}).json()
        return rows


@pytest.fixture(scope="module")
def walker(gateway: RunningGateway, master: httpx.Client, provider: RecordingProvider) -> Walker:
    return Walker(gateway, master, provider)


@pytest.fixture(scope="module")
def keys(master: httpx.Client) -> dict[str, str]:
    """Keys that may not call: one is expired, one has no money, one may use another model only."""
    asked = {"expired": {"duration": "1s"}, "empty": {"max_budget": 0}, "elsewhere": {"models": ["demo"]}}
    made = {name: master.post("/key/generate", json=fields).json()["key"] for name, fields in asked.items()}
    time.sleep(1.1)
    return made


def test_every_endpoint_has_a_sample_request() -> None:
    assert {endpoint.name for endpoint in ENDPOINTS} == SAMPLES.keys()


@every_route
def test_every_route_wants_a_key(walker: Walker, endpoint: Endpoint, path: str) -> None:
    assert walker.refused(endpoint, path, "")[:2] == (401, "Authentication Error, No api key passed in.")
    assert walker.refused(endpoint, path, "sk-unknown")[0] == 401


@every_endpoint
def test_every_endpoint_refuses_an_expired_key_and_says_so_as_a_fact(
    walker: Walker, endpoint: Endpoint, path: str, keys: dict[str, str], eventually: Eventually
) -> None:
    status, message, request_id = walker.refused(endpoint, path, keys["expired"])
    assert (status, "Expired Key" in message) == (401, True)
    (row,) = eventually(lambda: walker.row_of(request_id), 5.0)
    assert (row["status"], row["call_type"], row["spend"]) == ("failure", endpoint.call_type, 0)


@every_endpoint
def test_every_endpoint_keeps_a_key_to_its_models(
    walker: Walker, endpoint: Endpoint, path: str, keys: dict[str, str]
) -> None:
    assert walker.refused(endpoint, path, keys["elsewhere"])[0] == 403


@every_endpoint
def test_every_endpoint_refuses_a_key_without_money(
    walker: Walker, endpoint: Endpoint, path: str, keys: dict[str, str], eventually: Eventually
) -> None:
    status, message, request_id = walker.refused(endpoint, path, keys["empty"])
    assert (status, "udget" in message) == (422, True)
    (row,) = eventually(lambda: walker.row_of(request_id), 5.0)
    assert (row["status"], row["call_type"]) == ("failure", endpoint.call_type)


@every_route
def test_every_route_has_its_text_examined(
    walker: Walker, endpoint: Endpoint, path: str, gateway: RunningGateway
) -> None:
    status, message, _ = walker.refused(endpoint, path, gateway.master_key, "say Project-Zebra")
    assert (status, "project-zebra" in message.lower()) == (400, True)


@every_endpoint
def test_every_endpoint_tells_what_a_guardrail_blocked(
    walker: Walker, endpoint: Endpoint, path: str, gateway: RunningGateway, eventually: Eventually
) -> None:
    _, _, request_id = walker.refused(endpoint, path, gateway.master_key, "say Project-Zebra")
    (row,) = eventually(lambda: walker.row_of(request_id), 5.0)
    assert (row["status"], row["call_type"], row["spend"]) == ("failure", endpoint.call_type, 0)


@every_endpoint
def test_every_endpoint_counts_what_it_costs(
    walker: Walker, endpoint: Endpoint, path: str, new_key: Callable[..., str], eventually: Eventually
) -> None:
    answer = walker.ask(endpoint, path, new_key(max_budget=5))
    assert answer.status_code == 200, answer.text
    (row,) = eventually(lambda: walker.row_of(answer.headers["x-litellm-call-id"]), 5.0)
    assert (row["status"], row["call_type"]) == ("success", endpoint.call_type)
    assert (row["spend"] > 0) is (endpoint.call_type not in FREE)


@pytest.mark.parametrize("path", REALTIME.paths)
def test_a_session_is_opened_by_the_same_door_on_every_path(
    walker: Walker, path: str, gateway: RunningGateway, keys: dict[str, str], eventually: Eventually
) -> None:
    """A WebSocket has no body: what is said in it is walked through in test_realtime.py."""

    def refused(key: str) -> tuple[int, str]:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        address = f"{gateway.url.replace('http', 'ws')}{path}?model=talk"
        with pytest.raises(InvalidStatus) as refusal, connect(address, additional_headers=headers, legacy=False):
            pass
        answer = refusal.value.response
        return answer.status_code, answer.headers["x-litellm-call-id"]

    assert [refused(key)[0] for key in ("", "sk-unknown", keys["elsewhere"])] == [401, 401, 403]
    for key, status in ((keys["expired"], 401), (keys["empty"], 422)):
        answered, request_id = refused(key)
        assert answered == status
        (row,) = eventually(lambda request_id=request_id: walker.row_of(request_id), 5.0)  # type: ignore[misc]
        assert (row["status"], row["call_type"], row["spend"]) == ("failure", REALTIME.call_type, 0)
