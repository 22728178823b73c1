"""The providers that speak OpenAI's chat completions as they are: rows of compatible.toml, and what a row says.

A provider gets a module of its own only where it needs behaviour that no field of a row can say.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

_ROWS = Path(__file__).with_name("compatible.toml")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


Call = Literal["chat", "completions", "embeddings", "images", "moderations", "rerank", "speech", "transcriptions"]
"""What a provider can be asked for."""


class CompatibleProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row; compatible.toml explains the fields."""

    name: str
    docs: str
    base_url: str | None = None
    base_url_env: tuple[str, ...] = ()
    base_suffix: str = ""
    key_env: tuple[str, ...]
    key_optional: bool = False
    auth: Literal["bearer", "plain", "api-key", "x-api-key", "api-subscription-key"] = "bearer"
    max_completion_tokens: bool = True
    stream_options: bool = True
    unsupported: tuple[str, ...] = ()
    thoughts: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    settings: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ("chat",)
    developer_role: bool = False
    note: str = ""


class BadRow(Exception):
    """The message names the row, the field and what is wrong with it."""

    def __init__(self, row: str, field: str, problem: str) -> None:
        super().__init__(f"compatible.toml: row {row!r}, field {field!r}: {problem}")
        self.row = row
        self.field = field


@cache
def load_rows(text: str | None = None) -> dict[str, CompatibleProvider]:
    """Return the rows by name, from `text` or from the file beside this module.

    Raises:
        BadRow: a row has an unknown, missing or wrong field.
        tomllib.TOMLDecodeError: it is not TOML, or a name stands twice.
    """
    tables = tomllib.loads(_ROWS.read_text(encoding="utf-8") if text is None else text)
    return {name: _row(name, table) for name, table in tables.items()}


def base_url_of(row: CompatibleProvider, configured: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the address, without a slash at its end: the configured api_base, the environment's, or the row's.

    None if there is none: then api_base must be configured.
    """
    given = configured or _first(row.base_url_env, environment)
    if given is None:
        return row.base_url
    given = given.rstrip("/").removesuffix("/chat/completions")  # some copy the address of the call itself
    return given if given.endswith(row.base_suffix) else given + row.base_suffix


def key_of(row: CompatibleProvider, configured: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the key: the configured one or the environment's. None is a failure unless the row's key is optional."""
    return configured or _first(row.key_env, environment)


def key_headers(row: CompatibleProvider, key: str | None) -> dict[str, str]:
    """Return the headers that carry `key`."""
    if key is None:
        return {}
    if row.auth in ("bearer", "plain"):
        return {"authorization": f"Bearer {key}" if row.auth == "bearer" else key}
    return {row.auth: key}


def _row(name: str, table: Any) -> CompatibleProvider:
    if not isinstance(table, dict):
        raise BadRow(name, "", "must be a table, as in [groq]")
    try:
        row = msgspec.convert({**table, "name": name}, CompatibleProvider)
    except msgspec.ValidationError as failure:
        raise BadRow(name, *_located(str(failure))) from failure
    _check(row)
    return row


def _located(failure: str) -> tuple[str, str]:
    """Return the field and the problem of msgspec's message, which names the field as - at `$.field` or in words."""
    problem, _, path = failure.partition(" - at `$.")
    if path:
        return path.rstrip("`"), problem
    quoted = re.search(r"field `(\w+)`", failure)
    return quoted[1] if quoted else "", failure


def _check(row: CompatibleProvider) -> None:
    if row.base_url is not None and not re.fullmatch(r"https?://\S+[^/\s]", row.base_url):
        raise BadRow(row.name, "base_url", "must be an http(s) URL without a slash at its end")
    if row.base_url is None and not row.base_url_env:
        raise BadRow(row.name, "base_url", "must be given, or base_url_env")
    if not row.docs.startswith("https://"):
        raise BadRow(row.name, "docs", "must be an https URL")
    if not row.key_env:
        raise BadRow(row.name, "key_env", "must name at least one variable")
    for field, names in (("key_env", row.key_env), ("base_url_env", row.base_url_env)):
        for variable in names:
            if not _VARIABLE.fullmatch(variable):
                raise BadRow(row.name, field, f"{variable!r} is no name of an environment variable")


def _first(names: tuple[str, ...], environment: Mapping[str, str]) -> str | None:
    return next((text for name in names if (text := environment.get(name, "").strip())), None)
