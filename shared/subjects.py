"""Every subject, stream, bucket and queue group. A subject typed anywhere else is a bug.

Commands (`cmd.`) and frames (`chunk.`, `body.`) are core NATS: gone once delivered. Facts (`evt.`) and journals are
stored in JetStream and must never be asked with a request: the stream's ack would answer instead of the service.
"""

import hashlib
import re
import zlib

# Streams
FACTS = "FACTS"  # every fact, in one order
CONTROL = "CONTROL"  # domain events of keys, teams, budgets: one subject per (aggregate, version)
JOURNAL = "JOURNAL"  # group-committed decisions of each partition's owner
LEDGER = "LEDGER"  # batch manifests; the stream sequence is the batch number

FACTS_SUBJECTS = "evt.>"
CONTROL_PREFIX = "es.control"  # then the aggregate and the version, a token each
CONTROL_SUBJECTS = f"{CONTROL_PREFIX}.>"
JOURNAL_SUBJECTS = "journal.*"
MANIFEST = "ledger.batch"

# Key-value buckets
KEYS_BUCKET = "KEYS"  # token hash -> the virtual key as edge and policy need it
HOLDERS_BUCKET = "HOLDERS"  # teams, members, users, organisations, end users, tags, shared budgets
OWNERS_BUCKET = "OWNERS"  # partition -> who decides for it, with a lease
POSITIONS_BUCKET = "POSITIONS"  # projection -> how far it has read its stream
RESPONSES_BUCKET = "RESPONSES"  # response id -> who made it and where it is; entries age
OWNED_BUCKET = "OWNED"  # kind, owner and id of what a provider keeps -> which deployment has it
BATCHES_BUCKET = "BATCHES"  # request -> the batch it made, until that is settled
TOLD_BUCKET = "TOLD"  # account -> which thresholds of its budget were told in its window
BUCKETS = (KEYS_BUCKET, HOLDERS_BUCKET, OWNERS_BUCKET, POSITIONS_BUCKET, TOLD_BUCKET)

# Queue groups
ROUTERS = "router"
CONTROLLERS = "control"
LEDGERS = "ledger"

POLICIES = "policy"

COMPLETE = "cmd.complete"
EXAMINE = "cmd.examine"  # asks a policy process to examine what is said in a realtime session
CONTROL_COMMANDS = "cmd.control.*"
QUERIES = "cmd.query.*"

_SAFE_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def token(name: str) -> str:
    """Return `name` as one legal subject token: itself if it is one, else a hash that cannot collide with one."""
    if _SAFE_TOKEN.match(name):
        return name
    return "~" + hashlib.sha256(name.encode()).hexdigest()[:32]


def partition_of(tenant: str, partitions: int) -> int:
    """Return which partition decides for `tenant`: a stable hash, the same in every process and release."""
    return zlib.crc32(tenant.encode()) % partitions


def admit(partition: int) -> str:
    return f"cmd.admit.{partition}"


def account(partition: int) -> str:
    """Where the owner of a partition answers what its accounts hold."""
    return f"cmd.account.{partition}"


def correct(partition: int) -> str:
    """Where the owner of a partition hears what the control plane says of an account's spend."""
    return f"cmd.correct.{partition}"


def release(partition: int) -> str:
    """Where the owner of a partition hears of holds whose requests never reached a router."""
    return f"cmd.release.{partition}"


def lend(partition: int) -> str:
    """Where the owner of a partition lends of the accounts that are at home there."""
    return f"cmd.lend.{partition}"


def recall(partition: int) -> str:
    """Where the owner of a partition hears that another one needs back what it lent it."""
    return f"cmd.recall.{partition}"


def repay(partition: int) -> str:
    """Where the owner of a partition hears what others have spent and return of what it lent them."""
    return f"cmd.repay.{partition}"


def take(partition: int) -> str:
    """Where the owner of a partition gives requests of other partitions their part of the limits at home there."""
    return f"cmd.take.{partition}"


def working(partition: int) -> str:
    """Where routers tell the owner of a partition which requests that take part of a limit they still work on."""
    return f"cmd.working.{partition}"


def complete_at(router: str) -> str:
    """Where policy sends what one router alone can do: a response in a realtime session that it has."""
    return f"{COMPLETE}.{router}"


def session(router: str, request: str) -> str:
    """Where the client of a realtime session is heard by the router that has it."""
    return f"session.{router}.{request}"


def sessions_of(router: str) -> str:
    return f"session.{router}.*"


def control(verb: str) -> str:
    return f"cmd.control.{verb}"


def query(name: str) -> str:
    return f"cmd.query.{name}"


def fact(kind: str, version: int, tenant: str) -> str:
    """`kind` is dotted, past tense: `request.received`, `completion.finished`."""
    return f"evt.{kind}.v{version}.{token(tenant)}"


def facts_of_kind(kind: str) -> str:
    return f"evt.{kind}.>"


def journal(partition: int) -> str:
    return f"journal.{partition}"


def frames(edge: str, request: str) -> str:
    """Where the answer of a request goes, whoever gives it: policy, router, or the server's own no-responders."""
    return f"chunk.{edge}.{request}"


def frames_of_edge(edge: str) -> str:
    return f"chunk.{edge}.*"


def body(holder: str, request: str) -> str:
    """Where a body too large to travel along is read in parts, from the process that holds it."""
    return f"body.{holder}.{request}"


def bodies_of(holder: str) -> str:
    return f"body.{holder}.*"


def undelivered(policy: str) -> str:
    """Where the server tells a policy process that no router took a command; the last tokens say which."""
    return f"undelivered.{policy}"


def cancel(process: str) -> str:
    """Where an edge tells the router, or the policy, that works on a request that its client left."""
    return f"cancel.{process}"


HEARTBEATS = "hb.*"


def heartbeat(service: str) -> str:
    return f"hb.{service}"


def acks(process: str) -> str:
    """Where a process collects JetStream's answers to what it stored; the last token says to which."""
    return f"_ack.{process}"
