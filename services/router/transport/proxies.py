"""Calls that must take a proxy, by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as curl reads them; by aiohttp."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

KEEP_ALIVE_S = 30.0
DNS_CACHE_S = 60


class Proxies:
    """Use it as it is; `close` at the end. Without a proxy in `environ` it opens nothing."""

    def __init__(self, environ: Mapping[str, str], tls: ssl.SSLContext) -> None:
        every = _variable(environ, "all_proxy")
        self._addresses = {scheme: _variable(environ, f"{scheme}_proxy") or every for scheme in ("http", "https")}
        self._exempt = _variable(environ, "no_proxy")
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._transports: dict[str, ProxyTransport] = {}

    def transport_for(self, url: httpx.URL) -> "ProxyTransport | None":
        """Return the way to `url` where a proxy is to be used.

        Raises:
            httpx.ProxyError: the variable's value is no address of a proxy that can be used.
        """
        address = self.address_for(url)
        if address is None:
            return None
        transport = self._transports.get(address)
        if transport is None:
            transport = self._transports[address] = ProxyTransport(self._open_session(), _proxy(address))
        return transport

    def address_for(self, url: httpx.URL) -> str | None:
        """Return the address of the proxy that an http(s) address takes, None where it takes none."""
        address = self._addresses.get(url.scheme)
        if not address:
            return None
        host = f"{url.host}:{url.port}" if url.port else url.host
        if self._exempt and proxy_bypass_environment(host, {"no": self._exempt}):
            return None
        return address if "://" in address else f"http://{address}"

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,  # how much may run at once is decided by budgets and limits, not by the pool
                keepalive_timeout=KEEP_ALIVE_S,
                ttl_dns_cache=DNS_CACHE_S,
                ssl=self._tls,
            )
            # trust_env would read ~/.netrc in a thread for every call, and replace the provider's key by what is there.
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session


class ProxyTransport(httpx.AsyncBaseTransport):
    """httpx's API over aiohttp, with every failure of aiohttp as the httpx.TransportError that it is."""

    def __init__(self, session: aiohttp.ClientSession, proxy: httpx.Proxy) -> None:
        self._inner = AiohttpTransport(client=session, proxy=proxy)
        self._authorization = proxy.headers.get("proxy-authorization")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._authorization and request.url.scheme == "http":
            request.headers["proxy-authorization"] = self._authorization  # a tunnel is asked for with it instead
        with _transport_errors():
            response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream)
        return response


class _Body(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _transport_errors():
            async for part in self._inner:
                yield part

    async def aclose(self) -> None:
        with _transport_errors():
            await self._inner.aclose()


@contextmanager
def _transport_errors() -> Iterator[None]:
    """httpx-aiohttp takes every broken connection for a timeout, and lets malformed answers through as they are."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        if isinstance(error.__cause__, asyncio.TimeoutError):
            raise
        raise httpx.ReadError(f"the connection broke: {error}") from error
    except aiohttp.ClientError as error:
        raise httpx.RemoteProtocolError(str(error) or type(error).__name__) from error


def _variable(environ: Mapping[str, str], name: str) -> str:
    """Return the value of a proxy variable, whose name may be written in lower case or in capitals."""
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _proxy(address: str) -> httpx.Proxy:
    try:
        proxy = httpx.Proxy(address)
        if proxy.auth is not None:
            # aiohttp wants credentials as a header, not as they stand in the address.
            basic = base64.b64encode(":".join(proxy.auth).encode()).decode()
            proxy = httpx.Proxy(proxy.url, headers={"proxy-authorization": f"Basic {basic}"})
    except (ValueError, httpx.InvalidURL) as error:
        raise httpx.ProxyError(f"the proxy in the environment is no address: {error}") from error
    if proxy.url.scheme not in ("http", "https"):
        raise httpx.ProxyError(
            f"the proxy in the environment is a {proxy.url.scheme} proxy; only http and https are known"
        )
    return proxy
