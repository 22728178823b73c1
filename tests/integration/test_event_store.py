"""The library's own conformance tests, on a real nats-server; and what only JetStream can get wrong."""

import asyncio
import importlib
import itertools
import sys
from collections.abc import Iterator
from uuid import uuid4

import eventsourcing.cryptography
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    DataError,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from services.policy.control.store import recorder as recorder_module
from services.policy.control.store.factory import Factory
from services.policy.control.store.library_recorder import JetStreamAggregateRecorder, JetStreamApplicationRecorder
from services.policy.control.store.recorder import EventRecorder
from services.policy.control.store.wire import CONTROL, STATE_BYTES_MAX
from shared.bus import Bus
from tests.nats_server import NatsServer, running_nats

# The conformance tests import the cipher of an optional package; the library has the same class over `cryptography`.
sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)
conformance = importlib.import_module("eventsourcing.tests.persistence")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


def _environment(server: NatsServer) -> Environment:
    """An event stream of its own for each test."""
    return Environment(
        env={
            "PERSISTENCE_MODULE": "services.policy.control.store.factory",
            "NATS_URL": server.url,
            "NATS_EVENT_STREAM": f"STORE{next(_numbers)}",
        }
    )


class WithFactory:
    @pytest.fixture(autouse=True)
    def _factory(self, server: NatsServer) -> Iterator[None]:
        self.factory = Factory(_environment(server))
        yield
        self.factory.close()


class TestAggregateRecorder(WithFactory, conformance.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory.aggregate_recorder()


class TestApplicationRecorder(WithFactory, conformance.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(WithFactory, conformance.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()


class TestFactory(conformance.InfrastructureFactoryTestCase[Factory]):
    @pytest.fixture(autouse=True)
    def _environment(self, server: NatsServer) -> None:
        self.env = _environment(server)

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return JetStreamAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return JetStreamApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        raise NotImplementedError

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        raise NotImplementedError

    expected_process_recorder_class = expected_tracking_recorder_class  # type: ignore[assignment]

    def test_create_tracking_recorder(self) -> None:
        with pytest.raises(NotSupportedError, match="key-value bucket"):
            self.factory.tracking_recorder()

    def test_create_process_recorder(self) -> None:
        with pytest.raises(NotSupportedError, match="key-value bucket"):
            self.factory.process_recorder()


class Counter(Aggregate):
    def __init__(self) -> None:
        self.count = 0

    @event("Counted")
    def add(self) -> None:
        self.count += 1


def test_the_librarys_application_runs_on_it_and_finds_its_aggregates_after_a_restart(server: NatsServer) -> None:
    environment = {**_environment(server), "IS_SNAPSHOTTING_ENABLED": "y"}
    application = Application(environment)
    counter = Counter()
    counter.add()
    application.save(counter)
    application.take_snapshot(counter.id)
    counter.add()
    application.save(counter)
    application.close()

    again = Application(environment)
    assert again.repository.get(counter.id).count == 2
    assert len(again.notification_log["1,10"].items) == 3
    again.close()


def test_a_factory_without_an_address_says_which_variable_to_set() -> None:
    with pytest.raises(InfrastructureFactoryError, match="NATS_URL"):
        InfrastructureFactory.construct({"PERSISTENCE_MODULE": "services.policy.control.store.factory"})


def test_closing_a_factory_twice_does_no_harm(server: NatsServer) -> None:
    factory = Factory(_environment(server))
    factory.close()
    factory.close()


def _event(version: int = 1, state: bytes = b"{}") -> StoredEvent:
    return StoredEvent(uuid4(), version, "topic", state)


async def test_a_write_outlives_a_nats_server_that_dies_and_comes_back(nats: NatsServer, bus: Bus) -> None:
    recorder = EventRecorder(bus)
    first = _event()
    await recorder.insert([first])
    nats.kill()
    writing = asyncio.create_task(recorder.insert([_event()]))
    await asyncio.sleep(0.3)
    nats.start()
    assert await writing == [2]
    assert await recorder.select(first.originator_id) == [first]


async def test_a_write_whose_answer_was_lost_is_stored_once_and_answered(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = EventRecorder(bus)
    for events in ([_event()], [_event(), _event()]):
        monkeypatch.setattr(bus, "store", _loses_the_first_answer(bus))
        ids = await recorder.insert(events)
        notifications = await recorder.select_notifications(ids[0], 10)
        assert [one.id for one in notifications] == ids
        assert [one.originator_id for one in notifications] == [one.originator_id for one in events]


def _loses_the_first_answer(bus: Bus):  # type: ignore[no-untyped-def]
    store, lost = Bus.store, []

    def losing(*arguments, **named):  # type: ignore[no-untyped-def]
        future = store(bus, *arguments, **named)
        if lost:
            return future
        lost.append(future)
        answered = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: answered.set_exception(recorder_module.NotStored("no answer")))
        return answered

    return losing


async def test_a_version_somebody_else_stored_is_a_conflict_also_when_the_answer_was_lost(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = EventRecorder(bus)
    taken = _event()
    await recorder.insert([taken])
    monkeypatch.setattr(bus, "store", _loses_the_first_answer(bus))
    with pytest.raises(IntegrityError):
        await recorder.insert([taken])


async def test_a_store_that_stays_away_is_said_so(nats: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "PATIENCE_S", 0.5)
    recorder = EventRecorder(bus)
    nats.stop()
    await asyncio.sleep(0.1)
    with pytest.raises(OperationalError, match="could not be stored"):
        await recorder.insert([_event()])
    with pytest.raises(OperationalError, match="could not be read"):
        await recorder.select(uuid4())
    with pytest.raises(OperationalError, match="could not be read"):
        await recorder.select_notifications(1, 1)
    with pytest.raises(OperationalError, match="could not be read"):
        await recorder.max_notification_id()


async def test_what_cannot_be_stored_is_refused_before_it_is_sent(bus: Bus) -> None:
    recorder = EventRecorder(bus)
    with pytest.raises(DataError, match="bytes"):
        await recorder.insert([_event(state=b"x" * (STATE_BYTES_MAX + 1))])
    with pytest.raises(ProgrammingError, match="1000"):
        await recorder.insert([_event() for _ in range(1001)])
    with pytest.raises(ProgrammingError, match="UUID"):
        await recorder.select("not-a-uuid")
    assert await recorder.max_notification_id() is None


async def test_a_long_aggregate_is_read_whole(bus: Bus) -> None:
    recorder = EventRecorder(bus)
    aggregate = uuid4()
    events = [StoredEvent(aggregate, version, "topic", b"%d" % version) for version in range(1, 1201)]
    await recorder.insert(events[:1000])
    await recorder.insert(events[1000:])
    assert await recorder.select(aggregate) == events
    assert await recorder.select(aggregate, gt=1198) == events[1198:]


async def test_a_message_that_is_no_event_is_reported(bus: Bus) -> None:
    await bus.store(f"{CONTROL.prefix}.{uuid4()}.1", b"{}")
    with pytest.raises(DataError, match="Es-Topic"):
        await EventRecorder(bus).select_notifications(1, 1)
