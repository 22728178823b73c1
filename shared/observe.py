"""How every process logs, and how it ends."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from shared.bus import NotConnected
from shared.config import ConfigError

log = structlog.get_logger()


def set_up_logging(service: str, *, level: str, as_json: bool) -> None:
    """One line an event on stderr: for people, or JSON."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain tracebacks: the pretty ones print local variables, and those hold prompts and keys.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        processors.append(renderer)
    numeric = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr)
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # the bus reports connection troubles itself, once


def run_service(work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run `work(stopping)` until it returns its exit code; SIGTERM and SIGINT set `stopping`."""

    async def main() -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        gc.collect()
        gc.freeze()  # what is loaded by now lives for ever: keep the collector off it
        gc.set_threshold(50_000, 20, 50)
        return await work(stopping)

    try:
        return uvloop.run(main())
    except ConfigError as error:
        log.error(str(error))
        return 2
    except NotConnected as error:
        log.error(str(error))
        return 1
