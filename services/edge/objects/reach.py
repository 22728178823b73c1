"""Whether a request may use what its body names, and which deployments of its model have it."""

import asyncio
from collections.abc import Iterable

from services.edge.identify import owner_of_key
from services.edge.objects.accounts import reaching
from services.edge.objects.named import PREVIOUS, Named, named_in, named_in_form
from shared.bus import Bus, BusError
from shared.errors import InvalidRequest, NotFound, Unavailable
from shared.identity.keys import Key
from shared.kept.owned import ANYBODY, Owned, find_named
from shared.kept.responses import find_response
from shared.payloads.forms import read_form
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups

AT_ONCE = 50
"""Objects that are looked up at the same time."""


class NamedObjects:
    def __init__(self, bus: Bus, groups: ModelGroups) -> None:
        """`groups`: all deployments, those that pass-through uses among them."""
        self._bus = bus
        self._groups = groups

    async def holding(self, body: bytes, content_type: str, key: Key | None, group: str) -> tuple[str, ...]:
        """Return the deployments of `group` that have what the body names, () where any may serve it.

        `content_type` is that of a form, "" for JSON. What the gateway does not know is nobody's: it may have been made
        around it, for all, and its provider says whether it is there.

        Raises:
            NotFound: it is another's; who asks is told the same of what does not exist.
            InvalidRequest: the model has no deployment where it is kept.
            Unavailable
        """
        named = named_in_form(read_form(body, content_type)) if content_type else named_in(body)
        return await self.holding_named(named, key, group)

    async def holding_named(self, named: Iterable[Named], key: Key | None, group: str) -> tuple[str, ...]:
        """The same for what is named already."""
        members = self._groups.get(group)
        able = members
        waiting = list(named)
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            for each, holder in zip(some, await self._holders_of(some, key), strict=True):
                if holder is not None:
                    able = reaching(holder, able)
                if not able and members:
                    raise _out_of_reach(each, group)
        return tuple(one.id for one in able) if able is not members else ()

    async def _holders_of(self, named: list[Named], key: Key | None) -> list[Deployment | None]:
        try:
            return await asyncio.gather(*[self._holder_of(each, key) for each in named])
        except BusError as error:
            raise Unavailable("what the request names cannot be looked up at the moment", retry_after_s=1) from error

    async def _holder_of(self, named: Named, key: Key | None) -> Deployment | None:
        """Return the deployment that has it, None where that is not known."""
        if named.field == PREVIOUS:
            stored = await find_response(self._bus, named.id)
            if stored is None:
                return None
            if key is not None and stored.owner != key.token:
                raise _unknown(named)
            return self._deployment(stored.group, stored.deployment)
        found: Owned | None = None
        if key is not None:
            found = await find_named(self._bus, owner_of_key(key), named.id)
        if found is None:
            found = await find_named(self._bus, ANYBODY, named.id)
            if found is not None and key is not None:
                raise _unknown(named)
        return self._deployment(found.group, found.deployment) if found is not None else None

    def _deployment(self, group: str, deployment_id: str) -> Deployment | None:
        return next((one for one in self._groups.get(group) if one.id == deployment_id), None)


def _unknown(named: Named) -> NotFound:
    return NotFound(
        f"'{named.id[:100]}' not found. What a provider keeps can be named by who made it.", param=named.field
    )


def _out_of_reach(named: Named, group: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{named.id[:100]}' in '{named.field}' is kept where no deployment of '{group}' reaches it, or not together "
        "with all else that the request names: ask for a model at the provider and account that keep it.",
        param=named.field,
    )
