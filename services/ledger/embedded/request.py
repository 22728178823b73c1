"""What a client asks for beside the SQL: everything that stands in the URL and in the headers."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from services.ledger.embedded.failure import BAD_ARGUMENTS, NOT_IMPLEMENTED, refused

SESSION_TIMEOUT_S = 60.0
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

# They concern the transport, which is ours. The engine would refuse some, and need not be bothered with the others.
_TRANSPORT = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_wait_end_of_query",
        "http_zlib_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request without its body. An empty string means: not said."""

    query: bytes
    parameters: dict[str, str]
    settings: dict[str, str]
    database: str
    default_format: str
    query_id: str
    session_id: str
    session_timeout_s: float
    session_check: bool
    read_only: bool
    cancel_on_leave: bool
    accept_encoding: str


def read_fields(query_string: bytes) -> dict[str, str]:
    """Return the URL's parameters, decoded; of one that is repeated, the last."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))


def read_request(method: str, fields: Mapping[str, str], headers: Mapping[bytes, bytes]) -> Request:
    """Return what was asked. `fields` are the URL's parameters, and a form's if one was sent.

    Raises:
        QueryFailed: a parameter that is malformed or not supported, by name.
    """
    for name in ("compress", "decompress"):
        if fields.get(name, "0") not in ("", "0", "false"):
            reason = f"The parameter {name} (ClickHouse's own block format) is not supported: use Content-Encoding."
            raise refused(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
    settings = {}
    for name, value in fields.items():
        if name in _TRANSPORT or name.startswith("param_"):
            continue
        if _SETTING_NAME.fullmatch(name) is None:
            raise refused(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"The URL parameter {name!r} cannot be a setting's name.")
        settings[name] = value
    return Request(
        query=fields.get("query", "").encode("utf-8", "surrogateescape").rstrip(),
        parameters={name[6:]: value for name, value in fields.items() if name.startswith("param_")},
        settings=settings,
        database=fields.get("database", "") or headers.get(b"x-clickhouse-database", b"").decode("utf-8", "replace"),
        default_format=fields.get("default_format", "") or headers.get(b"x-clickhouse-format", b"").decode("latin-1"),
        query_id=fields.get("query_id", "") or str(uuid.uuid4()),
        session_id=fields.get("session_id", ""),
        session_timeout_s=_seconds(fields.get("session_timeout", "")),
        session_check=_is_on(fields, "session_check"),
        # as on a server: GET must not change anything
        read_only=method == "GET",
        cancel_on_leave=_is_on(fields, "cancel_http_readonly_queries_on_client_close"),
        accept_encoding=(
            headers.get(b"accept-encoding", b"").decode("latin-1") if _is_on(fields, "enable_http_compression") else ""
        ),
    )


def _is_on(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").lower() in ("1", "true")


def _seconds(text: str) -> float:
    if not text:
        return SESSION_TIMEOUT_S
    if not text.isdecimal():
        raise refused(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"session_timeout must be whole seconds, not {text!r}.")
    return min(float(text), 3600.0)
