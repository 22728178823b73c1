"""The control plane: what people change, as event-sourced aggregates.

Owns: keys and their aliases, as events in CONTROL; their entries in the KEYS bucket.
Answers: `cmd.control.<verb>`.
Publishes: key.generated, key.updated, key.blocked, key.unblocked, key.deleted.
Invariants: an event is stored before anything shows it; each version of an aggregate is stored once; an entry never
goes back to an older version; a deleted key never comes back; of a key only its SHA-256 is kept.
"""
