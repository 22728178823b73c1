"""A call that goes to a provider as it is, to something that the provider keeps: for its owner alone."""

from services.edge.calls.previous_response import Resolved
from services.edge.identify import owner_of_key
from shared.bus import Bus, BusError
from shared.errors import AccessDenied, NotFound, Unavailable
from shared.identity.keys import Key
from shared.kept.owned import Owned, find_owned
from shared.kept.passed_objects import PassedObject


class OnlyOwned:
    """A `Resolve`: the body stays as it is."""

    def __init__(self, passed: PassedObject) -> None:
        self._passed = passed

    async def __call__(self, bus: Bus, body: bytes, key: Key | None) -> Resolved:
        """Let the master key, and an object's owner, pass.

        Raises:
            NotFound: there is no such object, or it is another's: who asks is told the same.
            AccessDenied: the list of what all keys have there.
            Unavailable
        """
        if key is not None and not self._passed.makes:
            await self.owned_by(bus, key)
        return Resolved(body)

    async def owned_by(self, bus: Bus, key: Key) -> Owned:
        """Raises: as the call does."""
        kind, object_id, _ = self._passed
        if not object_id:
            raise AccessDenied(
                "A list of what a provider keeps shows what all keys have there: only the master key may "
                "read it. Ask for your own by their ids.",
                type="list_of_all_denied",
            )
        try:
            owned = await find_owned(bus, kind, owner_of_key(key), object_id)
        except BusError as error:
            raise Unavailable("it cannot be looked up at the moment whose this is", retry_after_s=1) from error
        if owned is None:
            raise NotFound(f"'{object_id[:100]}' not found. What a provider keeps can be reached by who made it.")
        return owned
