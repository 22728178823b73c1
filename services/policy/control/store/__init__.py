"""The event store: the `eventsourcing` library's aggregates and recorders over the CONTROL stream."""
