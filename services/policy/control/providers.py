"""What providers were paid of their budgets, which stand in the configuration."""

import time
from collections.abc import Callable

from services.policy.budgets.configured import tree_rules_of
from services.policy.control.figures import figures_of_accounts
from services.policy.control.window_answer import reset_at
from shared.bus import Bus
from shared.config import Config
from shared.control import ProviderAnswer
from shared.identity.holders import account_of, home_of_provider


class ProviderBudgets:
    def __init__(self, bus: Bus, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self._bus = bus
        self._rules = tree_rules_of(config)
        self._clock = clock

    async def list_all(self) -> list[ProviderAnswer]:
        """Return each provider that has a hard or a soft budget, in the configuration's order."""
        rules, now = self._rules, self._clock()
        soft = {account.removeprefix("provider:"): window for account, window in rules.soft.items() if ":" in account}
        names = list(dict.fromkeys((*rules.providers, *soft)))
        accounts = [(home_of_provider(name), account_of("provider", name)) for name in names]
        figures = await figures_of_accounts(self._bus, accounts, partitions=rules.partitions, now=now)
        answers = []
        for name, (_, account) in zip(names, accounts, strict=True):
            hard, found = rules.providers.get(name), figures.get(account)
            window = hard or soft[name]
            answers.append(
                ProviderAnswer(
                    name,
                    window.duration,
                    hard.limit_pico if hard else None,
                    soft[name].limit_pico if name in soft else None,
                    found,
                    reset_at(window, found, now, rules.timezone),
                )
            )
        return answers
