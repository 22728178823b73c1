"""Policy: may this request go ahead, and what may it cost?

Owns: the decision; keys (their events in CONTROL); each partition's budgets (their entries in JOURNAL).
Answers: `cmd.admit.<partition>`, `cmd.account.<partition>`, `cmd.release.<partition>`, `cmd.control.<verb>`; other
partitions' `cmd.lend.<partition>`, `cmd.recall.<partition>`, `cmd.repay.<partition>`.
Publishes: request.admitted, request.denied, completion.lost, budget.threshold_crossed, key.*; `cmd.complete` to
the routers; and calls hooks over HTTP.
Reads: completion.finished (settles holds), completion.lost (its own, told once), the KEYS bucket.
Invariants: one owner a partition, fenced by its journal; a hold is stored before its request is sent on; spent plus
held never passes a limit; a hold that nobody settles counts as spent.
"""
