"""Puts a run's report where docs/budgets.md keeps one. Pure."""

import re

_REPORT = re.compile(r"```\n\$ make torture.*?\n```", re.DOTALL)


def with_report(page: str, command: str, lines: list[str]) -> str:
    """Return `page` with the report of the run that `command` began, instead of the one it has.

    Raises:
        ValueError: it has none, or several.
    """
    report = "\n".join(["```", f"$ {command}", *(line.rstrip() for line in lines), "```"])
    changed, count = _REPORT.subn(lambda _: report, page)
    if count != 1:
        raise ValueError(f"the page has {count} reports of a run, and must have one")
    return changed
