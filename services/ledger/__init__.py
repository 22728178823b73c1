"""The ledger: what happened and what it cost, kept so that every figure can be traced and computed again.

Owns: the ClickHouse database (tables facts and request_rows, view requests) and the stream LEDGER of batch manifests.
Answers: cmd.query.<name> (spend logs, spend by key, user, tag, team, model and day, health).
Publishes: manifests. Reads: every fact of the stream FACTS, in order.
Invariants: each fact of the stream is in `facts` exactly once and byte for byte; each request is counted once, by what
is known best of it; no batch is written that a manifest does not fix; a manifest's hash covers all facts before it.
Start with consumer.py: it is the whole way of a fact from the stream into the tables.
"""
