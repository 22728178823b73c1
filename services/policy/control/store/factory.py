"""Persistence module of the `eventsourcing` library: `PERSISTENCE_MODULE=services.policy.control.store.factory`.

Reads NATS_URL, and NATS_EVENT_STREAM (default CONTROL). The service itself uses EventRecorder, which needs no thread.
"""

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    NotSupportedError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType

from services.policy.control.store.bridge import BusThread
from services.policy.control.store.library_recorder import JetStreamAggregateRecorder, JetStreamApplicationRecorder
from services.policy.control.store.wire import CONTROL, EventStream
from shared.bus import Bus, NotStored

_NO_TRACKING = "positions are not kept in the event stream: projections keep their own, in a key-value bucket"


class Factory(InfrastructureFactory[TrackingRecorder]):
    def __init__(self, env: Environment | EnvType | None) -> None:
        """Connect.

        Raises:
            InfrastructureFactoryError: NATS_URL is not set.
            NotConnected: nobody answers there.
        """
        super().__init__(env)
        url = self.env.get("NATS_URL")
        if not url:
            raise InfrastructureFactoryError("set NATS_URL to the servers of the event store")
        self._name = self.env.get("NATS_EVENT_STREAM") or CONTROL.name
        self._thread = BusThread(url, name=f"eventsourcing-{self._name}")

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Return a recorder of events, or of another `purpose` (snapshots) in a stream of its own."""
        return JetStreamAggregateRecorder(self._thread, self._prepared(purpose))

    def application_recorder(self) -> ApplicationRecorder:
        return JetStreamApplicationRecorder(self._thread, self._prepared("events"))

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:
        raise NotSupportedError(_NO_TRACKING)

    def process_recorder(self) -> ProcessRecorder:
        raise NotSupportedError(_NO_TRACKING)

    def close(self) -> None:
        self._thread.close()

    def _prepared(self, purpose: str) -> EventStream:
        name = self._name if purpose == "events" else f"{self._name}_{purpose.upper()}"
        stream = CONTROL if name == CONTROL.name else EventStream(name, f"es.{name.lower()}")
        self._thread.call(lambda bus: _create_if_missing(bus, stream))
        return stream


async def _create_if_missing(bus: Bus, stream: EventStream) -> None:
    try:
        await bus.api(f"STREAM.INFO.{stream.name}", None)
    except NotStored:
        config = {
            "name": stream.name,
            "subjects": [f"{stream.prefix}.>"],
            "storage": "file",
            "allow_atomic": True,
            "allow_direct": True,
            "deny_delete": True,
        }
        await bus.api(f"STREAM.CREATE.{stream.name}", config)
