"""Is somebody answering there: one question each, with a deadline."""

import asyncio
import http.client
import json
from typing import NamedTuple
from urllib.parse import urlsplit

NATS_PORT = 4222


class Answer(NamedTuple):
    status: int
    body: bytes


async def http_get(url: str, *, timeout_s: float = 2.0) -> Answer | None:
    """Return the answer, None when there was none in time. Credentials in the URL are not sent."""
    return await asyncio.to_thread(_http_get, url, timeout_s)


def _http_get(url: str, timeout_s: float) -> Answer | None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/")
        response = connection.getresponse()
        return Answer(response.status, response.read(65_536))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


async def nats_info(url: str, *, timeout_s: float = 2.0) -> dict[str, object] | None:
    """Return what the NATS server at `url` says of itself when one connects; None when none answers in time.

    A server that starts with the TLS handshake says nothing yet: then the answer is empty.
    """
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or NATS_PORT)
            try:
                if parts.scheme not in ("nats", ""):
                    return {}
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None
    if not line.startswith(b"INFO "):
        return None
    try:
        info = json.loads(line[5:])
    except ValueError:
        return None
    return info if isinstance(info, dict) else None


async def readiness(url: str) -> tuple[bool, list[str]]:
    """Ask an edge whether it is ready, and else what it misses; an edge that does not answer misses itself."""
    answer = await http_get(f"{url}/health/readiness")
    if answer is None:
        return False, ["edge"]
    if answer.status == 200:
        return True, []
    try:
        missing = json.loads(answer.body)["missing"]
    except (ValueError, KeyError, TypeError):
        return False, [f"edge (it answers {answer.status})"]
    return False, [str(part) for part in missing]
