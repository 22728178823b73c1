"""Was all the work done? What clients, upstream, ClickHouse and the key's budget say must agree."""

from decimal import Decimal
from typing import NamedTuple

from bench.exchange import cost_usd
from bench.gateway import Stored
from bench.measure import Tally


class Check(NamedTuple):
    what: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        return self.expected == self.found


def checks(tally: Tally, *, upstream_calls: int, stored: Stored) -> list[Check]:
    """Return the comparisons. Calls that failed at the client may have cost something: then they cannot all hold."""
    expected_usd = tally.plain * cost_usd(stream=False) + tally.streams * cost_usd(stream=True)
    of_key_usd = expected_usd - tally.of_others * cost_usd(stream=False)
    return [
        Check("calls that failed", "0", str(tally.failed)),
        Check("calls at the upstream", str(tally.answered), str(upstream_calls)),
        Check("rows in ClickHouse", str(tally.answered), str(stored.rows)),
        Check("their cost, USD", _plain(expected_usd), _plain(stored.rows_usd)),
        Check("the key's spend, USD", _plain(of_key_usd), _plain(stored.key_usd)),
    ]


def _plain(usd: Decimal) -> str:
    """Return the number without exponent and without trailing zeros."""
    text = f"{usd:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
