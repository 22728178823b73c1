"""Which deployments to try, in which order. Pure: health and chance are arguments."""

from collections.abc import Callable, Sequence
from random import Random

from shared.serving.deployments import Deployment

Cooling = Callable[[str], bool]
"""Whether a deployment, by id, is left alone for now."""


def ordered_attempts(
    deployments: Sequence[Deployment], *, balanced: bool, cooling: Cooling, chance: Random
) -> Sequence[Deployment]:
    """Return the deployments of one model name in the order in which to try them.

    `order` comes first, lower before higher. Within one order: the file's order, or, where `balanced` or where any of
    them has a weight, rpm or tpm, drawn by it. Those that are cooling down come last: better one of them than none.
    """
    if len(deployments) < 2:
        return deployments
    levels: dict[float, list[Deployment]] = {}
    for deployment in deployments:
        levels.setdefault(deployment.order if deployment.order is not None else float("inf"), []).append(deployment)
    attempts: list[Deployment] = []
    for _, level in sorted(levels.items()):
        weights = _weights(level)
        if weights is not None or balanced:
            attempts += _drawn(level, weights or [1.0] * len(level), chance)
        else:
            attempts += level
    return sorted(attempts, key=lambda deployment: cooling(deployment.id))


def _weights(level: Sequence[Deployment]) -> list[float] | None:
    """Return LiteLLM's weights: by `weight` where any has one, else by rpm, else by tpm, else none."""
    for field in ("weight", "rpm", "tpm"):
        values = [getattr(deployment, field) for deployment in level]
        if any(value is not None for value in values):
            return [float(value or 0) for value in values]
    return None


def _drawn(level: Sequence[Deployment], weights: list[float], chance: Random) -> list[Deployment]:
    """Draw without replacement, so that a failed one is followed by another draw among the rest."""
    left, order = list(zip(level, weights, strict=True)), []
    while left:
        total = sum(weight for _, weight in left)
        index = 0
        if total > 0:
            point = chance.random() * total
            while index < len(left) - 1 and point >= left[index][1]:
                point -= left[index][1]
                index += 1
        order.append(left.pop(index)[0])
    return order
