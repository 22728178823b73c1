"""Edge: HTTP in, HTTP out. It decides nothing; what it refuses at once, policy would refuse too.

Owns: connections, the pending exchanges, the request's bytes until it is answered.
Answers: HTTP on port 4000; `body.<edge>.<request>`.
Publishes: request.received, request.denied (what it refuses itself); `cmd.admit.<partition>`, `cmd.control.<verb>`,
`cmd.query.<name>`, `cancel.<router>`.
Reads: `chunk.<edge>.*`, the KEYS bucket, heartbeats.
Invariants: every request ends with a whole answer, an error in the caller's dialect, or an error event in its stream;
no wait is without a deadline; a stream with a lost frame is failed, never patched.
"""
