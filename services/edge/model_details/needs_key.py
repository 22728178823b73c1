"""A route that says nothing of its body, not even what is wrong with it, to who has no key."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Depends, Request

from shared.identity.keys import Key


def needs_key(key_of: Callable[[Mapping[bytes, bytes], str], Key | None]) -> Any:
    """Return a dependency of routes: it is looked at before the body. `key_of(headers, route)` raises without a key."""

    async def known(request: Request) -> None:
        key_of(dict(request.scope["headers"]), request.url.path)

    return Depends(known)
