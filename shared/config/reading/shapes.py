"""Which sections and settings the configuration has, read off the types that describe it."""

from types import UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from shared.config.accepted import accepted_names
from shared.config.reading.references import MissingVariable
from shared.config.sections.section import Section


def section_shapes(shape: type[Section], section: str = "") -> dict[str, type[Section]]:
    """Return every section reachable from `shape` by its path without indexes: `model_list[].litellm_params`."""
    found = {section: shape}
    for name, field in shape.model_fields.items():
        for inner, step in _sections(field.annotation):
            found |= section_shapes(inner, f"{join(section, name)}{step}")
    return found


def known_names(shape: type[Section], section: str) -> list[str]:
    """Return the names a section can have, whether they take effect or not."""
    return [*shape.model_fields, *accepted_names(section)]


def members(annotation: Any) -> list[Any]:
    """Return the members of a union without their validators; of any other type the type itself."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in members(part)]
    return [annotation]


def item_types(annotation: Any, container: type) -> list[Any]:
    """Return what lists (`container` tuple) or mappings (dict) of this type hold; nothing where it is neither."""
    place = 0 if container is tuple else 1
    return [get_args(member)[place] for member in members(annotation) if get_origin(member) is container]


def is_section(annotation: Any) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def may_be_missing(annotation: Any) -> bool:
    """Whether a value may wait for its environment variable until it is used."""
    return any(member is MissingVariable or member is Any for member in members(annotation))


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _sections(annotation: Any) -> list[tuple[type[Section], str]]:
    found = [(member, "") for member in members(annotation) if is_section(member)]
    for container, step in ((tuple, "[]"), (dict, ".*")):
        for item in item_types(annotation, container):
            found += [(inner, f"{step}{deeper}") for inner, deeper in _sections(item)]
    return found
