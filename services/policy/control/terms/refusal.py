"""A field that cannot be meant, as a client is told of it."""

from shared.errors import InvalidRequest


def refused(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=name, type="bad_request_error")
