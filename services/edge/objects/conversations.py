"""A turn of a conversation that Mistral keeps: its model, its tools and what it reads again stand in no body."""

from services.edge.calls.previous_response import Resolved
from services.edge.identify import owner_of_key
from services.edge.objects.owned_passing import OnlyOwned
from services.edge.peeks.provider_tools import tool_units
from shared.bus import Bus, BusError
from shared.errors import Unavailable
from shared.identity.keys import Key
from shared.kept.conversations import AGENTS, begun_by, conversation_in
from shared.kept.owned import ANYBODY, Owned, find_owned
from shared.kept.passed_objects import PassedObject


class Conversing:
    """A `Resolve`: the body stays as it is."""

    def __init__(self, passed: PassedObject) -> None:
        self._passed = passed
        self._only_owned = OnlyOwned(passed)

    async def __call__(self, bus: Bus, body: bytes, key: Key | None) -> Resolved:
        """Return what is known of the conversation, or of the agent that it begins with.

        Raises:
            NotFound: the conversation is another's. (Another's agent is told of by whoever looks at the body's ids.)
            Unavailable
        """
        if self._passed.makes:
            begun = begun_by(body)
            if begun.model is not None or not begun.agent:
                return Resolved(body)
            owned = await known(bus, AGENTS, begun.agent, key)
        elif key is not None:
            owned = await self._only_owned.owned_by(bus, key)
        else:
            owned = await known(bus, self._passed.kind, self._passed.id, key)
        if owned is None:
            return Resolved(body)  # it was made around the gateway
        begun_before = conversation_in(owned.shown)
        read_again = len(body) + begun_before.tokens
        return Resolved(body, "", begun_before.tokens, owned.model, tool_units(begun_before.tools, read_again))


async def known(bus: Bus, kind: str, object_id: str, key: Key | None) -> Owned | None:
    """Return what the key's owner has of that id, or anybody for the master key.

    Raises:
        Unavailable
    """
    try:
        return await find_owned(bus, kind, ANYBODY if key is None else owner_of_key(key), object_id)
    except BusError as error:
        raise Unavailable(f"'{object_id[:100]}' cannot be looked up at the moment", retry_after_s=1) from error
