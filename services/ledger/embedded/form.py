"""A query sent as a form: clients do so when parameters are too long for a URL."""

from email.parser import BytesParser
from email.policy import HTTP

from services.ledger.embedded.failure import BAD_ARGUMENTS, NOT_IMPLEMENTED, refused


def is_form(content_type: str) -> bool:
    """Only multipart is a form to ClickHouse: curl sends SQL as x-www-form-urlencoded."""
    return content_type.lower().startswith("multipart/form-data")


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Return the form's fields: `query`, `param_*` and whatever else could stand in the URL.

    Raises:
        QueryFailed: not a form, or a file in it (external data).
    """
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\nMIME-Version: 1.0\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise refused(BAD_ARGUMENTS, "BAD_ARGUMENTS", "The multipart body has no parts: is its boundary right?")
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            reason = f"External data ({name}) is not supported: insert it into a table of your database."
            raise refused(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload.decode("utf-8", "surrogateescape")
    return fields
