"""Router: which provider, and get it done.

Owns: calls to providers, the health of deployments as this process sees it.
Answers: `cmd.complete` (one router of the group), `cancel.<router>`.
Publishes: completion.finished, exactly one for each command accepted; frames to the edge that waits; heartbeats.
Reads: the configuration, `body.<holder>.<request>`.
Invariants: a provider's stream is read to its end whether or not the client stays; the last frame of an answer leaves
when its fact is stored; nothing is called twice after an answer has begun.
"""
