"""What pydantic refuses, each said in a sentence that names the setting and the remedy."""

import difflib
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.config.reading.references import MissingVariable
from shared.config.sections.identity import SECRETS

_SHOWN = 40
_PROBLEMS = 20


def refusal(error: ValidationError, raw: Any) -> str:
    """Return a sentence for each thing refused in `raw`, a line each; of many the rest is counted."""
    problems: dict[str, ErrorDetails] = {}
    for detail in error.errors(include_url=False):
        problems.setdefault(_path(detail, raw), detail)  # a union refuses once for each member
    sentences = [f"{path} {_problem(path, detail)}" for path, detail in problems.items()]
    if len(sentences) > _PROBLEMS:
        sentences[_PROBLEMS:] = [f"and {len(sentences) - _PROBLEMS} settings more are wrong"]
    return "\n  ".join(sentences)


def _path(detail: ErrorDetails, raw: Any) -> str:
    """Return the place in the file: pydantic's own path also has the names of types in it."""
    path = ""
    for step in detail["loc"]:
        if isinstance(raw, list) and isinstance(step, int) and step < len(raw):
            path, raw = f"{path}[{step}]", raw[step]
        elif isinstance(raw, dict) and step in raw:
            path, raw = f"{path}.{step}" if path else str(step), raw[step]
    if detail["type"] == "missing":
        return f"{path}.{detail['loc'][-1]}" if path else str(detail["loc"][-1])
    return path


def _problem(path: str, detail: ErrorDetails) -> str:
    value, context = detail["input"], detail.get("ctx", {})
    if detail["type"] == "missing":
        return "is missing; add it"
    if isinstance(value, MissingVariable):
        return f"needs the environment variable {value.name}, which is not set; set it"
    if detail["type"] == "string_too_short":
        return "must not be empty; fill it in or remove it"
    if detail["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        close = difflib.get_close_matches(str(value), choices, n=1)
        return f"must be one of {', '.join(choices)}, not {_shown(path, value)}" + (
            f"; did you mean {close[0]}?" if close else ""
        )
    return f"{_wanted(detail)}, not {_shown(path, value)}"


def _wanted(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    bounds = {
        "greater_than_equal": "at least {ge}",
        "greater_than": "more than {gt}",
        "less_than_equal": "at most {le}",
    }
    if kind in bounds:
        return "must be " + bounds[kind].format(**context)
    wanted = {
        "int": "a whole number",
        "float": "a number",
        "number": "a number",
        "finite": "a finite number",
        "bool": "true or false",
        "string": "text",
        "text": "text",
        "tuple": "a list",
        "dict": "a mapping (name: value)",
        "model": "a mapping (name: value)",
    }.get(kind.split("_")[0])
    return f"must be {wanted}" if wanted else detail["msg"].lower()


def _shown(path: str, value: Any) -> str:
    match value:
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str() if _may_be_secret(path):
            return "text"
        case str():
            return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
        case _:
            return str(value)


def _may_be_secret(path: str) -> bool:
    names = re.split(r"[.\[\]]+", path)
    return any(name in SECRETS or name in ("master_key", "environment_variables") for name in names)
