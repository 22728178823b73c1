"""Gemini's interactions, passed on as they are, by Google's official SDK through a whole gateway."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types
from google.genai._interactions import APIStatusError

from tests.journey.strict_providers import StrictProviders
from tests.provider_servers.http_server import Behaviour
from tests.provider_servers.interactions import INPUT_TOKENS
from tests.running_gateway import RunningGateway

Eventually = Callable[..., Any]
MODEL = "gemini-3-pro-preview"
IN_PICO, OUT_PICO = 1e-6, 2e-6
"""Of that model, by the configuration of the journeys."""
CONFIG: Any = {"max_output_tokens": 30}


@pytest.fixture
def google_with(gateway: RunningGateway) -> Iterator[Callable[[str], genai.Client]]:
    """The official SDK with a key of one's own."""
    clients: list[genai.Client] = []

    def with_key(key: str) -> genai.Client:
        options = types.HttpOptions(base_url=f"{gateway.url}/gemini", retry_options=types.HttpRetryOptions(attempts=1))
        clients.append(genai.Client(api_key=key, http_options=options))
        return clients[-1]

    yield with_key
    for client in clients:
        client.close()


def rows_of(master: httpx.Client, key: str, at_least: int) -> list[dict[str, Any]]:
    rows = master.get("/spend/logs", params={"api_key": key}).json()
    return rows if len(rows) >= at_least else []


def test_an_interaction_is_made_streamed_and_gone_on_from_and_each_is_counted(
    google_with: Callable[[str], genai.Client],
    new_key: Callable[..., str],
    strict: StrictProviders,
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key(max_budget=1)
    interactions = google_with(key).interactions
    first = interactions.create(model=MODEL, input="hello", generation_config=CONFIG)
    assert (first.status, first.output_text) == ("completed", "Hello there!")
    asked: Any = {"model": MODEL, "generation_config": CONFIG, "previous_interaction_id": first.id}
    events = list(interactions.create(input="and then?", stream=True, **asked))
    assert [event.event_type for event in events][::6] == ["interaction.created", "interaction.completed"]
    said = [event.delta.text for event in events if event.event_type == "step.delta"]
    assert "".join(said) == "Hello there!"
    assert strict.gemini.received[-1].body["previous_interaction_id"] == first.id
    rows = eventually(lambda: rows_of(master, key, 2), 5.0)
    cost = INPUT_TOKENS * IN_PICO + (2 + 3) * OUT_PICO
    for row in rows:
        assert (row["call_type"], row["model"]) == ("pass_through_endpoint", f"gemini/{MODEL}")
        assert (row["prompt_tokens"], row["completion_tokens"]) == (INPUT_TOKENS, 5)
        assert row["spend"] == pytest.approx(cost)
        assert row["metadata"]["meterhouse"]["usage_source"] == "provider"


def test_what_was_said_before_is_held_for_since_it_is_read_again(
    google_with: Callable[[str], genai.Client],
    new_key: Callable[..., str],
    strict: StrictProviders,
) -> None:
    rich, poor = (google_with(new_key(user_id="talks-on", **more)).interactions for more in ({}, {"max_budget": 0.003}))
    for streamed in (False, True):
        strict.gemini.next(Behaviour(text=" ".join(["word"] * 5_000)))
        made: Any = rich.create(model=MODEL, input="tell me all", stream=streamed)
        long_id = list(made)[-1].interaction.id if streamed else made.id
        asked: Any = {"model": MODEL, "input": "and then?", "generation_config": CONFIG}
        with pytest.raises(APIStatusError, match="Budget") as caught:
            poor.create(previous_interaction_id=long_id, **asked)
        assert caught.value.status_code == 422
        assert poor.create(**asked).status == "completed"


def test_an_interaction_is_its_makers_alone(
    google_with: Callable[[str], genai.Client], new_key: Callable[..., str], strict: StrictProviders
) -> None:
    maker, other = (google_with(new_key()).interactions for _ in range(2))
    made = maker.create(model=MODEL, input="hello")
    assert maker.get(made.id).output_text == "Hello there!"
    before = len(strict.gemini.received)
    for refused in (
        lambda: other.get(made.id),
        lambda: other.get(made.id, stream=True),
        lambda: other.cancel(made.id),
        lambda: other.delete(made.id),
        lambda: other.create(model=MODEL, input="go on", previous_interaction_id=made.id),
        lambda: other.create(model=MODEL, input="go on", previous_interaction_id=made.id, stream=True),
    ):
        with pytest.raises(APIStatusError) as caught:
            refused()
        error = caught.value.body["error"]  # type: ignore[index]
        assert (caught.value.status_code, error["code"], error["status"]) == (404, 404, "NOT_FOUND")
        assert error["message"].startswith(f"'{made.id}' not found")
    assert len(strict.gemini.received) == before
    maker.delete(made.id)
    with pytest.raises(APIStatusError, match="not found"):
        maker.get(made.id)


def test_one_in_the_background_is_reached_by_its_maker_while_it_streams(
    google_with: Callable[[str], genai.Client],
    new_key: Callable[..., str],
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key()
    maker = google_with(key).interactions
    other = google_with(new_key()).interactions
    stream = iter(maker.create(model=MODEL, input="think long", background=True, stream=True))
    created: Any = next(stream)
    assert created.event_type == "interaction.created"
    made = created.interaction.id
    assert maker.get(made).status == "in_progress"
    with pytest.raises(APIStatusError, match="not found"):
        other.cancel(made)
    assert maker.cancel(made).status == "cancelled"
    last = list(stream)[-1]
    assert (last.event_type, last.interaction.status) == ("interaction.completed", "cancelled")
    rows = eventually(lambda: rows_of(master, key, 3), 5.0)
    assert sorted(row["completion_tokens"] for row in rows)[-1] == 5


def test_a_stream_ends_at_the_money_line_as_an_interaction_that_is_incomplete(
    google_with: Callable[[str], genai.Client],
    new_key: Callable[..., str],
    strict: StrictProviders,
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key(max_budget=1)
    words = " ".join(f"word{number}" for number in range(400))
    strict.gemini.next(Behaviour(text=words))
    events: list[Any] = list(
        google_with(key).interactions.create(model=MODEL, input="hello", generation_config=CONFIG, stream=True)
    )
    said = "".join(event.delta.text for event in events if event.event_type == "step.delta")
    assert words.startswith(said)
    assert 0 < len(said) < len(words) / 4
    assert [event.event_type for event in events[-2:]] == ["step.stop", "interaction.completed"]
    ended = events[-1].interaction
    assert (ended.status, ended.id, ended.model) == ("incomplete", events[0].interaction.id, MODEL)
    (row,) = eventually(lambda: rows_of(master, key, 1), 5.0)
    assert row["completion_tokens"] == ended.usage.total_output_tokens <= 30
    assert row["metadata"]["meterhouse"]["usage_source"] == "counted"
    assert google_with(key).interactions.get(ended.id).id == ended.id


def test_a_stream_that_breaks_off_ends_with_an_error_and_its_maker_still_reaches_it(
    google_with: Callable[[str], genai.Client], new_key: Callable[..., str], strict: StrictProviders
) -> None:
    interactions = google_with(new_key()).interactions
    strict.gemini.next(Behaviour(break_after=4))
    events: list[Any] = list(interactions.create(model=MODEL, input="hello", stream=True))
    assert (events[-1].event_type, events[-1].error.code) == ("error", 502)
    assert interactions.get(events[0].interaction.id).status == "completed"


def test_an_agent_whose_work_no_maximum_bounds_is_refused_on_a_budget(
    google_with: Callable[[str], genai.Client], new_key: Callable[..., str]
) -> None:
    interactions = google_with(new_key(max_budget=1)).interactions
    with pytest.raises(APIStatusError, match="names no model") as caught:
        interactions.create(agent="deep-research-pro-preview-12-2025", input="everything", background=True)
    assert caught.value.status_code == 400


def test_what_the_provider_refuses_comes_as_it_is(
    google_with: Callable[[str], genai.Client], new_key: Callable[..., str]
) -> None:
    interactions = google_with(new_key()).interactions
    with pytest.raises(APIStatusError, match="Previous interaction v1_none was not found") as caught:
        interactions.create(model=MODEL, input="hello", previous_interaction_id="v1_none")
    assert caught.value.status_code == 400
