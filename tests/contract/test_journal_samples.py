"""What a journal holds must be read for ever: one sample of each message, as it was first published."""

from pathlib import Path

import msgspec
import pytest

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import (
    Adjusted,
    Closed,
    Expired,
    Forgotten,
    Held,
    Hold,
    Lost,
    Opened,
    Released,
    Reset,
    ResetTold,
    Share,
    Whom,
)
from services.policy.budgets.loans import Assumed, Borrowed, Credit, Lent, Loan, Repaid, Returned
from services.policy.limits.counters import Counter, Reservation, Stopped, Taken
from services.policy.limits.sliding import Sliding
from services.policy.partitions.journal import journal
from services.policy.partitions.journal.not_understood import NotUnderstood

SAMPLES = Path(__file__).parent / "journal"
CHANGED, TODAY = "team:team-frontend", (1_795_392_000_000, 1_795_478_400_000)
KEY = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
OWNER, AT_MS = "policy-5ad0c9e1", 1795435200000
REQUEST = "req_0d1h2vxg8cq4w3zj5t7k9m1n2"


def hold(amount: int) -> Hold:
    return Hold(f"{REQUEST}p", KEY, 4, amount, 1795435830000, AT_MS, "team-frontend", "gpt-4o")


OF_MANY = Hold(
    f"{REQUEST}s",
    KEY,
    4,
    1350000000,
    1795435830000,
    AT_MS,
    "org-1",
    "gpt-4o",
    (Share("team:team-frontend", 2), Share("member@1h:5f0c", 1), Share("provider:openai", 7)),
    Whom("frontend", "ann", "team-frontend", "org-1", "customer-7", ("batch", "nightly")),
)
OF_A_TYPE = Hold(
    f"{REQUEST}v",
    KEY,
    4,
    1350000000,
    1795435830000,
    AT_MS,
    "team-frontend",
    "text-embedding-3-small",
    (),
    Whom("frontend", "ann", "team-frontend", call_type="aembedding"),
)
OVERDUE = Hold(f"{REQUEST}q", KEY, 3, 99000000, 1795391000000, 1795390000000, "team-frontend", "gpt-4o")
TAKEN = Taken(
    f"{REQUEST}t", 1795435830000, Reservation(AT_MS, 1040, (KEY, "team:team-frontend"), ("team:team-frontend",))
)
RUNNING_NO_MORE = Taken(
    f"{REQUEST}u", 1795435830000, Reservation(AT_MS, 7, ("key~gpt-4o:5f0c",), (), "output", running=False)
)
OF_SESSION = Taken(f"{REQUEST}v", 1795435830000, Reservation(AT_MS, 50, (KEY,), requests=0))
MINUTE = Sliding(60000, 10, 3, 1047, 1, [1795435140000, 1795435199990, AT_MS], [4, 2, 1], [900, 7, 1040])
DAY = Sliding(86400000, 60000, 1, 1040, 0, [AT_MS], [1], [1040])
CLOSED = Closed(4, 1795392000000, 1795478400000, 250000000000, 1350000000)
SAID = {
    "group": journal.Group(
        OWNER,
        AT_MS,
        [
            Opened(KEY, 4, 1795392000000, 1795478400000, "1d"),
            Held(hold(12345678901234567890)),
            Expired(f"{REQUEST}q", 1795435199000),
            Released(f"{REQUEST}r"),
        ],
    ),
    "group_of_many_accounts": journal.Group(
        OWNER, AT_MS, [Opened(KEY, 4, 1795392000000, 1795478400000, "1d Europe/Berlin"), Held(OF_MANY)]
    ),
    "group_of_call_types": journal.Group(OWNER, AT_MS, [Held(OF_A_TYPE)]),
    "group_of_loans": journal.Group(
        OWNER,
        AT_MS,
        [
            Lent("global", 4, 7, 12345678901234567890),
            Repaid("global", 4, 7, 2, 5, 7),
            Assumed("global", 4, 7),
            Borrowed("user:ann", 3, 6, 99, 1795392000000, 1795478400000, "1d"),
            Returned("user:ann", 3, 2, 5, 7),
        ],
    ),
    "group_of_resets": journal.Group(
        OWNER,
        AT_MS,
        [
            Opened(KEY, 5, 1795478400000, 1795564800000, "1d", CLOSED),
            ResetTold(f"4:{KEY}"),
            Forgotten("end_user:customer-7"),
        ],
    ),
    "snapshot_of_resets": journal.Snapshot(
        OWNER, AT_MS, Books(facts_seq=48213, resets={f"4:{KEY}": Reset(KEY, CLOSED)})
    ),
    "group_of_changed_windows": journal.Group(OWNER, AT_MS, [Opened(CHANGED, 4, *TODAY, "1d", at_ms=AT_MS - 1_000)]),
    "snapshot_of_changed_windows": journal.Snapshot(
        OWNER, AT_MS, Books({CHANGED: Account(4, *TODAY, "1d", 7, since_ms=AT_MS - 1_000)}, facts_seq=48213)
    ),
    "group_of_set_spend": journal.Group(OWNER, AT_MS, [Adjusted("team:team-frontend", 4, 18, -7, (f"{REQUEST}a",))]),
    "group_of_corrections": journal.Group(OWNER, AT_MS, [Adjusted("team:team-frontend", 4, 17, -2000000000001)]),
    "snapshot_of_corrections": journal.Snapshot(
        OWNER, AT_MS, Books({"team:team-frontend": Account(spent=7, corrected=17)}, facts_seq=48213)
    ),
    "snapshot_of_loans": journal.Snapshot(
        OWNER,
        AT_MS,
        Books(
            loans={"global": {7: Loan(4, 12345678901234567890, 5, 7, 2, True)}},
            credits={"user:ann": Credit(3, 6, 99, 5, 2, 7)},
            facts_seq=48213,
        ),
    ),
    "group_of_limits": journal.Group(OWNER, AT_MS, [TAKEN, RUNNING_NO_MORE, Stopped(f"{REQUEST}u")]),
    "snapshot_of_limits": journal.Snapshot(
        OWNER,
        AT_MS,
        Books(
            facts_seq=48213,
            counters={"team:team-frontend": Counter(MINUTE, 1, 1040, DAY)},
            taken={f"{REQUEST}t": TAKEN, f"{REQUEST}u": RUNNING_NO_MORE},
            taken_ms=AT_MS,
        ),
    ),
    "group_of_sessions": journal.Group(OWNER, AT_MS, [TAKEN, OF_SESSION]),
    "snapshot_of_sessions": journal.Snapshot(
        OWNER, AT_MS, Books(facts_seq=48213, taken={f"{REQUEST}v": OF_SESSION}, taken_ms=AT_MS)
    ),
    "snapshot": journal.Snapshot(
        OWNER,
        AT_MS,
        Books(
            {KEY: Account(4, 1795392000000, 1795478400000, "1d", 250000000000, 1350000000)},
            {f"{REQUEST}p": hold(1350000000)},
            {f"{REQUEST}q": Lost(OVERDUE, 1795391001000)},
            48213,
        ),
    ),
    "snapshot_part": journal.Snapshot(
        OWNER, AT_MS, Books(lost={f"{REQUEST}q": Lost(OVERDUE, 1795391001000, told=True)}, facts_seq=48213), 1, 3
    ),
    "snapshot_of_many_accounts": journal.Snapshot(
        OWNER,
        AT_MS,
        Books(
            {"team:team-frontend": Account(2, 0, 0, "", 7, 1350000000)},
            {f"{REQUEST}s": OF_MANY},
            {f"{REQUEST}s": Lost(OF_MANY, AT_MS)},
            48213,
        ),
    ),
}


def test_every_sample_is_told_here() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == SAID.keys()


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_published_message_is_read_for_ever(name: str) -> None:
    assert journal.decode((SAMPLES / f"{name}.json").read_bytes()) == SAID[name]


@pytest.mark.parametrize(
    "name",
    [
        f"group_of_{what}"
        for what in ("call_types", "loans", "sessions", "corrections", "set_spend", "resets", "changed_windows")
    ],
)
def test_a_group_is_written_as_its_sample(name: str) -> None:
    said = SAID[name]
    assert isinstance(said, journal.Group)
    written = journal.encode_group(OWNER, AT_MS, [journal.encode_entry(entry) for entry in said.entries])
    assert msgspec.json.decode(written) == msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    "name", [f"snapshot_of_{what}" for what in ("loans", "sessions", "corrections", "resets", "changed_windows")]
)
def test_a_snapshot_is_written_as_its_sample(name: str) -> None:
    said = SAID[name]
    assert isinstance(said, journal.Snapshot)
    [written] = journal.encode_snapshot(OWNER, AT_MS, said.books)
    sample = msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes())
    assert msgspec.json.decode(written) == {**sample, "part": 0, "parts": 1}


def test_what_a_later_version_says_beside_its_entries_does_not_stop_this_one_and_in_them_it_does() -> None:
    sample = msgspec.json.decode((SAMPLES / "group.json").read_bytes())
    sample["new"] = 1
    assert journal.decode(msgspec.json.encode(sample)) == SAID["group"]
    sample["entries"][0]["new"] = 1
    with pytest.raises(NotUnderstood, match="`new`"):
        journal.decode(msgspec.json.encode(sample))
