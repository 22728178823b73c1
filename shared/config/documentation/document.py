"""The tables of docs/settings.md: `python -m shared.config.documentation.document <page>` writes them anew."""

import sys
from collections.abc import Iterator

from shared.config.accepted import ACCEPTED
from shared.config.config import ConfigFile
from shared.config.documentation.listing import Setting, every_setting
from shared.config.documentation.marked_page import rewrite, with_part
from shared.config.reading.shapes import join, section_shapes

BEGIN, END = "<!-- config:begin -->", "<!-- config:end -->"


def settings_tables() -> str:
    """Return one table for each section, and under it what the section accepts without effect."""
    settings = {setting.path: setting for setting in every_setting()}
    lines: list[str] = []
    for section, shape in section_shapes(ConfigFile).items():
        lines += [f"### {f'`{section}`' if section else 'Sections'}", ""]
        lines += ["| setting | type | default | meaning |", "|---|---|---|---|"]
        lines += [_row(settings[join(section, name)]) for name in shape.model_fields]
        lines += ["", *_accepted(section)]
    return "\n".join(lines).strip() + "\n"


def rewritten(page: str) -> str:
    """Return the page with what stands between its two markers replaced by the tables; ValueError without markers."""
    return with_part(page, BEGIN, END, settings_tables())


def main(arguments: list[str]) -> None:
    rewrite(arguments, "shared.config.documentation.document", rewritten)


def _row(setting: Setting) -> str:
    default = setting.default if setting.default in ("none", "required") else f"`{setting.default}`"
    meaning = setting.description if setting.effect else f"{setting.description} *No effect yet.*"
    return f"| `{setting.path}` | {setting.type} | {default} | {meaning} |"


def _accepted(section: str) -> Iterator[str]:
    if section not in ACCEPTED:
        return
    yield from ("Accepted without effect, with a warning:", "", "| because | settings |", "|---|---|")
    for reason, names in ACCEPTED[section].items():
        yield f"| {reason} | {', '.join(f'`{join(section, name)}`' for name in names.split())} |"
    yield ""


if __name__ == "__main__":
    main(sys.argv[1:])
