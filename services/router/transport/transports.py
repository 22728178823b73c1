"""The way to the providers: our own HTTP/1.1 on the hot path, aiohttp where a proxy is in between, or no network.

httpx's own pool costs 0.5 to 1.8 ms of CPU a call under load, its types over aiohttp's pool 0.1 to 0.2 ms. Every call
pays that, so plain calls take http1.py; it raises httpx's exceptions, so that callers know one set of failures.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

import certifi
import httpx

from services.router.providers.base import FileBody, HttpCall
from services.router.providers.simulated import SIMULATED_URL, SimulatedTransport
from services.router.streaming.counting import COUNTING_URL, CountingTransport
from services.router.transport.http1 import CONNECT_TIMEOUT_S, Origin
from services.router.transport.provider_answer import HttpxAnswer, ProviderAnswer
from services.router.transport.proxies import Proxies
from services.router.transport.socket import Socket, open_socket
from shared.config import ConfigError

ADDRESSES_MAX = 10_000


class Transports:
    """Opens calls; use it as an async context."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` may name proxies, and in SSL_CERT_FILE or SSL_CERT_DIR the authorities to trust.

        Raises:
            ConfigError: the authorities cannot be read.
        """
        self._simulated = SimulatedTransport()
        self._counting = CountingTransport()
        self._tls = _trust(environ)
        self._proxies = Proxies(environ, self._tls)
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._addresses: dict[str, _Address] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for origin in self._origins.values():
            origin.close()
        await self._proxies.close()

    async def open(self, call: HttpCall, timeout_s: float) -> ProviderAnswer:
        """Send the call; return the answer with its body unread.

        Raises:
            httpx.TransportError: no connection, no answer in time, or the connection broke.
            httpx.InvalidURL: the call's address is none.
        """
        address = self._addresses.get(call.url)
        if address is None:
            if len(self._addresses) >= ADDRESSES_MAX:
                self._addresses.clear()
            address = self._addresses[call.url] = self._address(call.url)
        file = call.file
        if address.origin is not None:
            head = _head(address, call.method, call.headers)
            if file is not None:
                return await address.origin.send(head, file.size, file.parts(), timeout_s)
            return await address.origin.post(head, call.body, timeout_s)
        length = {} if file is None else {"content-length": str(file.size)}
        request = httpx.Request(
            call.method,
            address.url,
            headers={**call.headers, **length, "accept-encoding": "identity"},
            content=call.body if file is None else _one_by_one(file),
            extensions={"timeout": {"connect": min(CONNECT_TIMEOUT_S, timeout_s), "read": timeout_s, "pool": None}},
        )
        return HttpxAnswer(await address.transport.handle_async_request(request))

    async def open_socket(self, url: str, headers: dict[str, str], timeout_s: float) -> Socket:
        """Open a ws(s):// address; the proxies are those of http(s).

        Raises:
            SocketRefused: it was answered with another status.
            httpx.TransportError, httpx.InvalidURL
        """
        proxy = self._proxies.address_for(httpx.URL("http" + url.removeprefix("ws")))
        return await open_socket(url, headers, tls=self._tls, proxy=proxy, timeout_s=timeout_s)

    def _address(self, text: str) -> "_Address":
        url = httpx.URL(text)
        if text.startswith(SIMULATED_URL):
            return _Address(url, None, self._simulated)
        if text.startswith(COUNTING_URL):
            return _Address(url, None, self._counting)
        if url.scheme not in _PORTS or not url.host:
            raise httpx.UnsupportedProtocol(f"not an http(s) address: {text}")
        proxied = self._proxies.transport_for(url)
        if proxied is not None:
            return _Address(url, None, proxied)
        place = (url.scheme, url.host, url.port or _PORTS[url.scheme])
        origin = self._origins.get(place)
        if origin is None:
            tls = self._tls if url.scheme == "https" else None
            origin = self._origins[place] = Origin(place[1], place[2], tls)
        return _Address(url, origin, self._simulated)


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that trusts the authorities that `environ` names, else those of certifi."""
    file, directory = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    try:
        return ssl.create_default_context(cafile=file or (None if directory else certifi.where()), capath=directory)
    except OSError as error:
        raise ConfigError(None, f"SSL_CERT_FILE is {file}, which cannot be read: {error.strerror or error}") from error


_PORTS = {"http": 80, "https": 443}


async def _one_by_one(file: FileBody) -> AsyncIterator[bytes]:
    for part in file.parts():
        yield part


class _Address:
    """A URL, and who goes there: an origin of ours, or a transport of httpx's kind."""

    __slots__ = ("origin", "start", "transport", "url")

    def __init__(self, url: httpx.URL, origin: Origin | None, transport: httpx.AsyncBaseTransport) -> None:
        self.url = url
        self.origin = origin
        self.transport = transport
        target = url.raw_path.decode("ascii")
        host = url.netloc.decode("ascii")
        self.start = f" {target} HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\n"


def _head(address: _Address, method: str, headers: dict[str, str]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise httpx.LocalProtocolError("a header to the provider holds a line break")
    return f"{method}{address.start}{lines}".encode("latin-1")
