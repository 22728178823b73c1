"""All settings there are, for the documentation and whoever else must not forget one."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic_core import PydanticUndefined

from shared.config.accepted import accepted_names, reason_without_effect
from shared.config.config import ConfigFile
from shared.config.reading.references import MissingVariable
from shared.config.reading.shapes import is_section, item_types, join, members, section_shapes
from shared.config.sections.section import Section, takes_effect

_NAMES: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "boolean", Any: "anything"}


class Setting(NamedTuple):
    """`path` has `[]` for any entry of a list and `*` for any name of a mapping; `default` is as YAML writes it."""

    path: str
    type: str
    default: str
    effect: bool
    description: str


def every_setting() -> list[Setting]:
    """Return the settings of each section in turn: those with a type, then those that are only accepted."""
    shapes = section_shapes(ConfigFile)
    return [setting for section, shape in shapes.items() for setting in _settings(section, shape)]


def _settings(section: str, shape: type[Section]) -> Iterator[Setting]:
    for name, field in shape.model_fields.items():
        yield Setting(
            join(section, name),
            type_name(field.annotation),
            _default(field.get_default(call_default_factory=True)),
            takes_effect(field),
            field.description or "",
        )
    for name in accepted_names(section):
        reason = reason_without_effect(section, name) or ""
        yield Setting(join(section, name), "anything", "none", False, reason)


def type_name(annotation: Any) -> str:
    """Return the type in the words of a page: `list of text`, `mapping of number`, `a or b`."""
    names = {}  # in order, each once
    for member in members(annotation):
        if member in (None, type(None), MissingVariable):
            continue
        if get_origin(member) is Literal:
            names[" or ".join(f"`{choice}`" for choice in get_args(member))] = True
        elif is_section(member):
            names["mapping"] = True
        elif get_origin(member) is tuple:
            names[f"list of {type_name(item_types(member, tuple)[0])}"] = True
        elif get_origin(member) is dict:
            names[f"mapping of {type_name(item_types(member, dict)[0])}"] = True
        else:
            names[_NAMES[member]] = True
    return " or ".join(names)


def _default(value: Any) -> str:
    match value:
        case _ if value is PydanticUndefined:
            return "required"
        case None | () | Section():
            return "none"
        case dict() if not value:
            return "none"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(str(item) for item in value)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
