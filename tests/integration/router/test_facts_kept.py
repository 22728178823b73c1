"""The fact of a request when storing it is the difficulty."""

import time
from random import Random

import orjson
import pytest

from services.router.choice.health import Health
from services.router.choice.plan import Groups
from services.router.complete import Completer
from services.router.job import Job
from services.router.objects.stored import StoredResponses
from services.router.providers.registry import load_providers
from services.router.realtime.sessions import Sessions
from services.router.streaming.answer import AnswerWriter
from services.router.transport.transports import Transports
from services.router.tries import Tries
from shared.bus import Outbox
from shared.calls import pack
from shared.prices import PriceBook
from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller, until
from tests.nats_server import NatsServer
from tests.provider_servers import Behaviour, OpenAIServer
from tests.router_calls import caller as who
from tests.router_calls import complete, deployment

NATS_MAX = 1_048_576


async def test_a_router_that_cannot_store_facts_calls_nobody(caller: Caller, openai_server: OpenAIServer) -> None:
    of = deployment(api_base=openai_server.url, api_key=openai_server.key)
    body = orjson.dumps({"model": "m", "messages": []})
    async with Transports({}) as transports:
        sessions, providers, prices = Sessions(caller.bus, transports, {}, silence_s=1), load_providers({}), PriceBook()
        groups = Groups({"m": (of,)}, {}, {}, {}, False, 2)
        tries = Tries(
            caller.bus,
            transports,
            sessions,
            providers,
            groups,
            Health(allowed_fails=3, cooldown_s=5),
            prices,
            timeout_s=10,
            stream_timeout_s=None,
            drop_params=False,
            chance=Random(1),
        )
        stored = StoredResponses(caller.bus, transports, providers, groups.deployments)
        completer = Completer(caller.bus, Outbox(caller.bus, facts_max=0), tries, stored, sessions, prices)
        answer = caller.expect("req_full")
        command = complete("req_full", caller.bus.process, body)
        await completer.complete(Job(command, body, AnswerWriter(caller.bus, caller.bus.process, "req_full")))
    await answer.whole()
    assert answer.failure is not None
    assert (answer.failure["status"], answer.failure["retry_after_s"]) == (503, 1)
    assert answer.frames == 1
    assert openai_server.received == []
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.cost_pico, fact.usage_source) == ("failure", 0, "none")


async def test_a_fact_too_big_to_be_stored_loses_what_the_client_sent_along(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    """A command that just fits a message of NATS makes a fact that does not."""
    await start()
    body = {"model": "gpt", "messages": []}
    tags = tuple(f"tag-{number}" for number in range(20))
    least = len(pack(complete("req_99999", caller.bus.process, orjson.dumps(body), caller=who(tags=tags)), b"")) + 200
    metadata = orjson.dumps({"note": "x" * (NATS_MAX - least)})
    answer = await caller.send(body, caller=who(tags=tags, metadata=metadata)).whole()
    assert answer.text == "Hello there!"
    fact = await caller.fact(answer)
    assert (fact.metadata, fact.tags) == ({}, ())
    assert (fact.usage_source, fact.outcome) == ("provider", "success")


@pytest.mark.parametrize("stream", [False, True])
async def test_the_end_of_an_answer_waits_for_jetstream(
    start: Start, caller: Caller, openai_server: OpenAIServer, nats: NatsServer, stream: bool
) -> None:
    """Nothing is lost and nothing is called twice while NATS is away in the middle of an answer."""
    await start()
    openai_server.next(Behaviour(delay_s=0.3, chunk_delay_s=0.1, text="one two three four five six"))
    answer = caller.send({"model": "gpt", "messages": [], "stream": stream})
    await until(lambda: bool(openai_server.received))
    nats.kill()
    began = time.monotonic()
    await until(lambda: openai_server.open == 1 and time.monotonic() - began > 1.5)
    assert not answer.done.is_set()
    nats.start()
    fact = await caller.fact_to_come(answer, 15)
    assert (fact.outcome, fact.usage_source, len(fact.attempts)) == ("success", "provider", 1)
    caller.gaps.clear()  # frames that were lost while NATS was away leave a gap: that is how edge notices
