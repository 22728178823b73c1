"""How the accounts of a request stand in its partition: those at home here, and what is borrowed of the others."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import Ask, Placed, Refused, Stand, Standing, covers, place, tokens_within
from services.policy.budgets.charges import Charge, Charges
from services.policy.budgets.entries import Adjusted, Held, Hold, Opened, Share
from services.policy.budgets.resets import due
from services.policy.partitions.decision import Denied, Wanted
from services.policy.partitions.journal.journal_writer import Then
from services.policy.partitions.loans.borrowing import Borrower, Need
from shared.identity.holders import Correction

PROVIDER_WAIT_MS = 1_000
"""How long one of several providers is looked at for what others borrowed of its budget and do not need: they answer
in milliseconds.
"""

TRACKED_WAIT_MS = 1_000
"""How long a request waits at most to learn the window of a soft budget, which refuses nobody."""

_UNUSED = Account()
_NO_ROOM = Stand(Account(), 0)


class InTheWay(NamedTuple):
    """The account that a request has to wait for."""

    charge: Charge


class Stands:
    """All calls come from one event loop."""

    def __init__(
        self,
        number: int,
        books: Books,
        borrower: Borrower,
        write: Callable[[Opened | Adjusted, Then | None], None],
    ) -> None:
        """`write` applies and journals."""
        self._number = number
        self._books = books
        self._borrower = borrower
        self._write = write

    def decide(self, wanted: Wanted, charges: Charges, now_ms: int) -> Placed | Denied | InTheWay:
        """Decide now if it can be; what has to be borrowed for it is asked for."""
        stands = [self.stand(charge, now_ms) for charge in charges.must]
        decision = place(stands, wanted.ask)
        unanswered: InTheWay | None = None
        if isinstance(decision, Placed) and charges.providers:
            alternatives: list[Stand] = []
            for charge in charges.providers:
                stand = self._alternative(charge, wanted, decision.amount, now_ms, alone=len(charges.providers) == 1)
                if not isinstance(stand, InTheWay):
                    alternatives.append(stand)
                elif self._borrower.is_unanswered(charge.account):
                    unanswered = stand
                    alternatives.append(_NO_ROOM)
                else:
                    return stand
            decision = place(stands, wanted.ask, alternatives)
        if isinstance(decision, Refused) and decision.alternative and unanswered is not None:
            return unanswered  # nobody knows whether it has room, and no other has
        if isinstance(decision, Refused):
            charge = (charges.providers if decision.alternative else charges.must)[decision.by]
            return InTheWay(charge) if decision.only_holds else self.denied(charge, now_ms, only_holds=False)
        if decision.amount and charges.spread:
            missing = self._missing(charges.must, wanted, decision.amount, now_ms)
            if missing is not None:
                return missing
        return decision

    def stand(self, charge: Charge, now_ms: int) -> Stand:
        """Return how an account stands in its present window, which is opened where it has to be."""
        if charge.home != self._number:
            return self._stand_elsewhere(charge, now_ms)
        account = self._books.accounts.get(charge.account, _UNUSED)
        if charge.pattern != account.duration or 0 < account.ends_ms <= now_ms:
            opened = self.due(charge, now_ms)
            if opened is not None:
                self._write(opened, None)
                account = self._books.account(charge.account)
        if charge.correction is not None and charge.correction.serial > account.corrected:
            account = self.correct(charge.account, charge.correction)
        return Stand(account, charge.limit_at(now_ms))

    def correct(self, name: str, correction: Correction, then: Then | None = None) -> Account:
        """Count what the control plane has said of an account at home here. One that counts already is left."""
        account = self._books.account(name)
        by = correction.pico - account.spent
        settles: tuple[str, ...] = ()
        if correction.at_least:
            by = max(0, by)
        else:
            of_window = (name, account.window)
            losses = self._books.lost.items()
            settles = tuple(one for one, lost in losses if (lost.hold.account, lost.hold.window) == of_window)
        if not account.starts_ms <= correction.at_ms or 0 < account.ends_ms <= correction.at_ms:
            by, settles = 0, ()  # it was said of another window than this one
        self._write(Adjusted(name, account.window, correction.serial, by, settles), then)
        return account

    def held(self, wanted: Wanted, charges: Charges, placed: Placed, now_ms: int) -> Held:
        """Return the hold of what is placed, for the journal."""
        key = charges.must[0].account
        return Held(
            Hold(
                wanted.request,
                key,
                self._standing(key).window,
                placed.amount,
                wanted.expires_ms,
                now_ms,
                wanted.tenant,
                wanted.model,
                self.shares(charges, placed),
                wanted.whom,
            )
        )

    def shares(self, charges: Charges, placed: Placed) -> tuple[Share, ...]:
        """Return where a hold is placed besides the key's account; providers without a limit are not counted."""
        accounts = self._books.accounts
        charged = list(charges.must[1:])
        for place_of, charge in enumerate(charges.providers):
            if (charge.limit is not None or charge.tracked) and place_of not in placed.excluded:
                charged.append(charge)
        return tuple(
            [
                Share(charge.account, account.window if (account := accounts.get(charge.account)) is not None else 1)
                for charge in charged
            ]
        )

    def due(self, charge: Charge, now_ms: int) -> Opened | None:
        return due(charge.account, self._standing(charge.account), charge.pattern, charge.anchor, now_ms)

    def needs_window(self, charges: Charges, now_ms: int) -> bool:
        """Return whether a window has to be opened before anything may be counted in these accounts."""
        return any(charge.home == self._number and self.due(charge, now_ms) is not None for charge in charges.must)

    def counts_from(self, charges: Charges) -> int:
        """Return when the newest window of these accounts began: what is admitted belongs to it."""
        return max(self._standing(charge.account).starts_ms for charge in charges.must)

    def covers(self, charges: Charges, ask: Ask, now_ms: int) -> bool:
        """Return whether `ask` fits beside what is spent and held, as it is, whichever provider serves it."""
        accounts, whole = self._books.accounts, ask.whole_pico
        for charge in (*charges.must, *charges.providers) if charges.providers else charges.must:
            if charge.home != self._number:
                if self._borrower.is_tight(charge.account, now_ms):
                    return False
            elif not covers(accounts.get(charge.account, _UNUSED), charge.limit_at(now_ms), whole):
                return False
        return True

    def refusal(self, charges: Charges, ask: Ask, now_ms: int) -> Denied | None:
        """Return which account at home here refuses `ask` whatever becomes of the requests in flight, None where it
        fits in some way: now or once holds are settled, whole or with a shorter answer.
        """
        here = [charge for charge in charges.must if charge.home == self._number]
        decision = place([self.stand(charge, now_ms) for charge in here], ask)
        if isinstance(decision, Placed) or decision.only_holds:
            return None
        return self.denied(here[decision.by], now_ms, only_holds=False)

    def covered_answer(self, charges: Charges, ask: Ask, now_ms: int) -> int:
        """Return how long an answer may become for what is unspent here, at most what is asked for."""
        longest = ask.output_tokens
        for charge in charges.must:
            limit = charge.limit_at(now_ms)
            if charge.home == self._number and limit is not None:
                longest = min(longest, tokens_within(limit - self._standing(charge.account).spent, ask))
        return longest

    def denied(self, charge: Charge, now_ms: int, *, only_holds: bool) -> Denied:
        if charge.home != self._number:
            told = self._borrower.standing(charge.account)
            if told is not None:
                return Denied(charge, told._replace(only_holds=only_holds))
        account = self._standing(charge.account)
        limit = charge.limit_at(now_ms) or 0
        return Denied(charge, Standing(account.spent, account.held, limit, account.ends_ms, only_holds))

    def _standing(self, account: str) -> Account:
        return self._books.accounts.get(account, _UNUSED)

    def _stand_elsewhere(self, charge: Charge, now_ms: int) -> Stand:
        """Without a limit: what is missing is asked for when it is known how much that is."""
        limit = charge.limit_at(now_ms)
        if limit is not None and limit <= 0:
            return _NO_ROOM
        return Stand(self._standing(charge.account), self._borrower.limit(charge))

    def _missing(self, charges: Sequence[Charge], wanted: Wanted, amount: int, now_ms: int) -> InTheWay | Denied | None:
        """Ask for what is not borrowed yet, of every account at once."""
        in_the_way: InTheWay | None = None
        ask = wanted.ask
        least = min(amount, ask.input_pico + ask.output_pico_per_token * ask.n)
        for charge in charges:
            if charge.tracked and charge.home != self._number and self._must_learn(charge, wanted, amount, now_ms):
                in_the_way = in_the_way or InTheWay(charge)
            if charge.home == self._number or charge.limit is None:
                continue
            if self._borrower.room(charge, now_ms) >= amount:
                continue
            refused = self._borrower.refused(charge.account, least, now_ms, charge.limit_at(now_ms))
            if refused is not None:
                return Denied(charge, refused)
            self._borrower.ask(Need(charge, amount, least, True, wanted.give_up_ms))
            in_the_way = in_the_way or InTheWay(charge)
        return in_the_way

    def _must_learn(self, charge: Charge, wanted: Wanted, amount: int, now_ms: int) -> bool:
        """Return whether to wait until the home of a tracked account has told its window; not where nobody answers."""
        if self._borrower.knows(charge, now_ms):
            return False
        give_up_ms = min(wanted.give_up_ms, now_ms + TRACKED_WAIT_MS)
        self._borrower.ask(Need(charge, amount, amount, True, give_up_ms))
        return not self._borrower.is_unanswered(charge.account)

    def _alternative(
        self, charge: Charge, wanted: Wanted, amount: int, now_ms: int, *, alone: bool
    ) -> Stand | InTheWay:
        """Return how a provider's account stands. One counted elsewhere has room for the whole, or none.

        What others only hold of it is waited for, as of any account, where no other provider is to be had.
        """
        if charge.tracked and charge.home != self._number and self._must_learn(charge, wanted, amount, now_ms):
            return InTheWay(charge)
        if charge.limit is None or charge.home == self._number:
            return self.stand(charge, now_ms)
        if self._borrower.room(charge, now_ms) >= amount:
            return Stand(self._standing(charge.account), None)
        limit = charge.limit_at(now_ms) or 0
        if limit <= 0 or self._borrower.refused(charge.account, amount, now_ms, limit) is not None:
            return _NO_ROOM
        give_up_ms = wanted.give_up_ms if alone else min(wanted.give_up_ms, now_ms + PROVIDER_WAIT_MS)
        self._borrower.ask(Need(charge, amount, amount, alone, give_up_ms))
        return InTheWay(charge)
