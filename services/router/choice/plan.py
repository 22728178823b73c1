"""The tries of one request: deployments in turn, again with growing pauses, then the fallback models. Pure."""

from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

from services.router.choice.route import Cooling, ordered_attempts
from shared.serving.deployments import Deployment
from shared.serving.model_groups import DeploymentsByName, NamesByName

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 8.0
RETRY_AFTER_MAX_S = 60
"""What a provider asks for beyond that is not waited for: the next deployment or model is tried."""


class Try(NamedTuple):
    """`again`: how often this deployment was tried before. `fallback`: 0 for the model asked for, then counting."""

    deployment: Deployment
    again: int
    fallback: int


class Groups(NamedTuple):
    """The configuration as routing needs it."""

    deployments: DeploymentsByName
    fallbacks: NamesByName
    context_fallbacks: NamesByName
    policy_fallbacks: NamesByName
    balanced: bool
    num_retries: int
    retry_after_s: float = 0.0  # the least pause before a retry


class Plan:
    """What to try next; the caller says what it learned.

    Each deployment of a name is tried once, and then again until `num_retries` retries are used up: the request's,
    else the deployment's, else the router's. A deployment that proves useless costs no retry.
    """

    def __init__(
        self,
        groups: Groups,
        group: str,
        *,
        num_retries: int | None,
        with_fallbacks: bool,
        cooling: Cooling,
        chance: Random,
        excluded_providers: Collection[str] = (),
        only: Collection[str] = (),
    ) -> None:
        """Deployments of `excluded_providers` are left out, and with `only` all but those of these ids."""
        self._groups = groups
        self._num_retries = num_retries
        self._cooling = cooling
        self._chance = chance
        self._excluded = excluded_providers
        self._only = only
        self._names = [group, *(groups.fallbacks.get(group, ()) if with_fallbacks else ())]
        self._longer = groups.context_fallbacks.get(group, ()) if with_fallbacks else ()
        self._freer = groups.policy_fallbacks.get(group, ()) if with_fallbacks else ()
        self._next_name = 0
        self._fallback = 0
        self._order: Sequence[Deployment] = ()
        self._tried = 0  # places of `_order` passed, round after round
        self._left = 0  # tries left at this name
        self._useless: set[str] = set()

    def next(self) -> Try | None:
        """Return what to try, None when all was."""
        while True:
            order = self._order
            while self._left > 0 and order:
                again, place = divmod(self._tried, len(order))
                self._tried += 1
                if order[place].id not in self._useless:
                    self._left -= 1
                    return Try(order[place], again, self._fallback)
            if self._next_name >= len(self._names):
                return None
            self._begin(self._next_name)
            self._next_name += 1

    def drop(self, deployment: Deployment) -> None:
        """No further try can help there; the try it took goes to the others of its name."""
        self._useless.add(deployment.id)
        if all(other.id in self._useless for other in self._order):
            self._left = 0
        else:
            self._left += 1

    def leave(self) -> None:
        """No deployment of this name can help: go on with the next name."""
        self._left = 0

    def leave_for_longer(self) -> None:
        """The prompt is too long: go on with the names for that, where there are any, in place of the fallbacks."""
        self._leave_for(self._longer)
        self._longer = ()

    def leave_for_freer(self) -> None:
        """The provider will not answer what is asked: go on with the names for that, in place of the fallbacks."""
        self._leave_for(self._freer)
        self._freer = ()

    def _leave_for(self, names: Sequence[str]) -> None:
        self._left = 0
        if names:
            seen = self._names[: self._next_name]
            self._names = [*seen, *(name for name in names if name not in seen)]

    def _begin(self, number: int) -> None:
        groups = self._groups
        self._fallback = number
        self._tried = self._left = 0
        deployments = groups.deployments.get(self._names[number], ())
        if self._excluded:
            deployments = tuple(one for one in deployments if one.provider not in self._excluded)
        if self._only:
            deployments = tuple(one for one in deployments if one.id in self._only)
        self._order = ordered_attempts(
            deployments,
            balanced=groups.balanced,
            cooling=self._cooling,
            chance=self._chance,
        )
        if self._order:
            retries = self._num_retries if self._num_retries is not None else self._order[0].num_retries
            self._left = max(len(self._order), 1 + (retries if retries is not None else groups.num_retries))


def pause_s(again: int, asked_s: int | None, least_s: float, chance: Random) -> float | None:
    """Return how long to wait before trying a deployment for the `again`-th time after the first.

    `asked_s` is what it asked for when it failed; None: that is too long to wait.
    """
    if asked_s is not None and asked_s > RETRY_AFTER_MAX_S:
        return None
    wait: float = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(again - 1, 16))
    return max(wait * (0.75 + chance.random() / 2), least_s, asked_s or 0)
