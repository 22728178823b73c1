"""A page of the documentation with a part that is generated: what stands between two markers."""

from collections.abc import Callable
from pathlib import Path


def with_part(page: str, begin: str, end: str, part: str) -> str:
    """Return the page with `part` between its markers.

    Raises:
        ValueError: the page does not have both markers, in this order.
    """
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the page needs the lines {begin} and {end}")
    return f"{before}{begin}\n\n{part.strip()}\n\n{end}{after}"


def rewrite(arguments: list[str], module: str, rewritten: Callable[[str], str]) -> None:
    """Rewrite the page that is the one command line argument."""
    if len(arguments) != 1:
        raise SystemExit(f"usage: python -m {module} docs/settings.md")
    path = Path(arguments[0])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
