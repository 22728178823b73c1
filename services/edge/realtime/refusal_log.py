"""What uvicorn says of a handshake that was answered by an HTTP status."""

import logging

NO_HANDSHAKE = "ASGI callable returned without completing handshake."
"""It says so, as an error, of each one that an application has refused with an answer of its own, too."""


class _Refusals(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg != NO_HANDSHAKE


def leave_out_refusals() -> None:
    """Keep clients with a wrong key from filling the log with errors; the metrics and the client tell of each."""
    logging.getLogger("uvicorn.error").addFilter(_Refusals())
