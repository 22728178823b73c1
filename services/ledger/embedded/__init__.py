"""The embedded ClickHouse: chDB's engine behind ClickHouse's own HTTP interface, as one process.

Owns: the engine's files under DATA/clickhouse. One process holds them at a time; a second one is refused.
Answers: GET and POST / (queries, inserts, settings and parameters in the URL), /ping, /replicas_status, like a server.
Publishes and reads: nothing. Any ClickHouse HTTP client talks to it, on loopback, with one user and one password.
Invariants: an answered insert is on disk (synced too, if asked for), and an upload that ended early inserts nothing.
A request runs on an engine handle of its own, so nothing it sets can reach another request; only SET and USE of a
session (`session_id`) are remembered. Inserts have slots of their own: a long query does not keep them waiting.
Not here: users and grants, temporary tables, external data, KeeperMap or replicated tables. Whoever knows the password
can read files and addresses through SQL, therefore it listens on loopback.
"""
