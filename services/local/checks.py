"""What must be right before anything is started: the port, and the servers that are used instead of embedded ones."""

from urllib.parse import unquote, urlsplit

from services.local.failures import BadUsage, CannotStart
from services.local.ports import is_free
from services.local.probe import http_get, nats_info


def check_port(host: str, port: int) -> None:
    try:
        free = is_free(port, host)
    except OSError as error:
        raise CannotStart(f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from None
    if not free:
        raise CannotStart(
            f"Port {port} on {host} is in use: stop what listens there, or choose another port with --port."
        )


async def check_nats(url: str) -> str:
    """Return the URL as it may be shown.

    Raises:
        CannotStart: none of its servers answers, or none has JetStream.
    """
    servers = [server.strip() for server in url.split(",") if server.strip()]
    answers = [info for info in [await nats_info(server) for server in servers] if info is not None]
    shown = ", ".join(_without_credentials(server) for server in servers)
    if not answers:
        raise CannotStart(f"No NATS server answers at {shown}: start it, or leave out --nats to use an embedded one.")
    if not any(info.get("jetstream", not info) for info in answers):
        raise CannotStart(f"The NATS server at {shown} runs without JetStream: start it with -js and a -sd directory.")
    return shown


async def check_clickhouse(url: str) -> str:
    """Return the URL as it may be shown.

    Raises:
        BadUsage: it is no such URL.
        CannotStart: nobody answers there.
    """
    parts = urlsplit(url)
    shown = _without_credentials(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadUsage(f"The ClickHouse URL {shown} is not like http://user:password@host:8123/database.")
    if not await clickhouse_answers(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"):
        raise CannotStart(
            f"No ClickHouse answers at {shown}: start it, or leave out --clickhouse to use an embedded one."
        )
    return shown


async def clickhouse_answers(url: str) -> bool:
    answer = await http_get(f"{url}/ping")
    return answer is not None and answer.status == 200


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    if not parts.netloc:
        return unquote(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
