"""An interaction of Gemini's that goes on from another one: what its model reads again stands in no body."""

from typing import Any

import msgspec

from services.edge.calls.previous_response import Resolved
from services.edge.objects.conversations import known
from shared.bus import Bus
from shared.identity.keys import Key
from shared.kept.conversations import conversation_in
from shared.kept.passed_objects import PassedObject


class _Asked(msgspec.Struct):
    previous_interaction_id: Any = None
    previousInteractionId: Any = None


_decode = msgspec.json.Decoder(_Asked).decode


class GoingOn:
    """A `Resolve`: the body stays as it is."""

    def __init__(self, passed: PassedObject) -> None:
        self._passed = passed

    async def __call__(self, bus: Bus, body: bytes, key: Key | None) -> Resolved:
        """Return what was said before. (Another's interaction is told of by whoever looks at the body's ids.)

        Raises:
            Unavailable
        """
        try:
            asked = _decode(body)
        except (msgspec.DecodeError, RecursionError):
            return Resolved(body)  # whoever peeks at it says what is wrong
        before = asked.previous_interaction_id or asked.previousInteractionId
        if not isinstance(before, str):
            return Resolved(body)
        owned = await known(bus, self._passed.kind, before.rpartition("/")[2], key)
        return Resolved(body, "", conversation_in(owned.shown).tokens if owned is not None else 0)
