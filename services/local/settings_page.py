"""The table of METERHOUSE_ variables in docs/settings.md: `python -m services.local.settings_page docs/settings.md`."""

import sys
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.edge.settings import EdgeSettings
from services.ledger.embedded.settings import EmbeddedSettings
from services.ledger.settings import LedgerSettings
from services.policy.settings import PolicySettings
from services.router.settings import RouterSettings
from shared.config.documentation.marked_page import rewrite, with_part

BEGIN, END = "<!-- process:begin -->", "<!-- process:end -->"
PROCESSES: dict[str, type[BaseSettings]] = {
    "edge": EdgeSettings,
    "policy": PolicySettings,
    "router": RouterSettings,
    "ledger": LedgerSettings,
    "clickhouse": EmbeddedSettings,
}


def variable(field: str) -> str:
    return f"METERHOUSE_{field.upper()}"


def process_table() -> str:
    """Return one row for each variable, with the processes that read it; the first one's words describe it."""
    fields: dict[str, FieldInfo] = {}
    readers: dict[str, list[str]] = {}
    for process, settings in PROCESSES.items():
        for name, field in settings.model_fields.items():
            fields.setdefault(name, field)
            readers.setdefault(name, []).append(process)
    lines = ["| variable | read by | default | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        by = "all" if len(readers[name]) == len(PROCESSES) else ", ".join(readers[name])
        lines.append(f"| `{variable(name)}` | {by} | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def rewritten(page: str) -> str:
    """Return the page with what stands between its two markers replaced by the table; ValueError without markers."""
    return with_part(page, BEGIN, END, process_table())


def main(arguments: list[str]) -> None:
    rewrite(arguments, "services.local.settings_page", rewritten)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "computed"
    value: Any = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    main(sys.argv[1:])
