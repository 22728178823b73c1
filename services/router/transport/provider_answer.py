"""A provider's answer as the router reads it, whichever transport brought it."""

from collections.abc import AsyncIterator
from typing import Protocol

import httpx


class ProviderAnswer(Protocol):
    """Its status and headers are here, its body is still to be read."""

    @property
    def status_code(self) -> int: ...

    def header(self, name: str) -> str | None:
        """Return the first value of a header; `name` in lower case."""
        ...

    def parts(self) -> AsyncIterator[bytes]:
        """Return the body as it comes, any compression undone. Iterate once.

        The iteration raises httpx.TransportError where the connection breaks or goes silent.
        """
        ...

    async def aclose(self) -> None:
        """Leave the answer, whether or not its body was read."""
        ...


class HttpxAnswer:
    """An answer of one of httpx's transports."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status_code = response.status_code

    def header(self, name: str) -> str | None:
        value: str | None = self._response.headers.get(name)
        return value

    def parts(self) -> AsyncIterator[bytes]:
        if "content-encoding" in self._response.headers:
            return self._response.aiter_bytes()
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        return aiter(self._response.stream)

    async def aclose(self) -> None:
        await self._response.aclose()
