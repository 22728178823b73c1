"""What all calls of a deployment have in common, made once: its address and its headers."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from shared.serving.deployments import Deployment

Made = TypeVar("Made")


class Prepared(Generic[Made]):
    """Kept as long as the deployment itself, never by its id: the same id can have other models and credentials."""

    def __init__(self, make: Callable[[Deployment], Made]) -> None:
        """`make` raises where something is missing; it is then asked again by the next call.

        What it returns must not hold the deployment itself, which would then be kept for ever.
        """
        self._make = make
        self._made: WeakKeyDictionary[Deployment, Made] = WeakKeyDictionary()

    def of(self, deployment: Deployment) -> Made:
        made = self._made.get(deployment)
        if made is None:
            made = self._made[deployment] = self._make(deployment)
        return made
