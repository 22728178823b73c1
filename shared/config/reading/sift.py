"""What a configuration says, sorted: settings we know are kept, all others are named in a warning.

After this the typed shapes can be strict: whatever they refuse is a value of the wrong type.
"""

import difflib
from typing import Any

from pydantic.fields import FieldInfo

from shared.config.accepted import reason_without_effect
from shared.config.reading.references import MissingVariable
from shared.config.reading.shapes import (
    is_section,
    item_types,
    join,
    known_names,
    may_be_missing,
    members,
    section_shapes,
)
from shared.config.sections.section import Section, reason_of, takes_effect


def sift(raw: Any, root: type[Section]) -> tuple[Any, list[str]]:
    """Return what of `raw` has a place in `root`, and the warnings.

    A setting that is null counts as not given, as in LiteLLM. What should be a mapping and is none stays as it is.
    """
    sieve = _Sieve(root)
    return sieve.section(raw, root, "", ""), sieve.warnings


class _Sieve:
    """Paths come in two forms: `where` with indexes (`model_list[1].x`), `setting` without (`model_list[].x`)."""

    def __init__(self, root: type[Section]) -> None:
        self.root = root
        self.warnings: list[str] = []

    def section(self, raw: Any, shape: type[Section], where: str, setting: str) -> Any:
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            return raw
        kept: dict[str, Any] = {}
        for key, value in raw.items():
            name = str(key)
            place = join(where, name)
            field = shape.model_fields.get(name)
            holder = shape.variant_field(name) if field is None else None
            if holder is not None:
                if value is not None and not self._is_missing(value, float, place):
                    kept.setdefault(holder, {})[name] = value
            elif field is None and shape.model_config.get("extra") == "allow":
                kept[name] = value
            elif field is None:
                self.warnings.append(self._unused(name, place, shape, setting))
            elif self._is_given(value, field, place):
                if not takes_effect(field) and value != field.get_default(call_default_factory=True):
                    self.warnings.append(_without_effect(place, reason_of(field)))
                read = self._value(value, field.annotation, place, join(setting, name))
                kept[name] = (
                    {**kept[name], **read} if name in kept and isinstance(read, dict) else read
                )  # variants that stand beside it came first
        return kept

    def _is_given(self, value: Any, field: FieldInfo, where: str) -> bool:
        if value is None:
            return _holds_section(field.annotation)
        return field.is_required() or not self._is_missing(value, field.annotation, where)

    def _value(self, value: Any, annotation: Any, where: str, setting: str) -> Any:
        if isinstance(value, list):
            item = next(iter(item_types(annotation, tuple)), Any)
            return [
                self._value(element, item, f"{where}[{index}]", f"{setting}[]")
                for index, element in enumerate(value)
                if not self._is_missing(element, item, f"{where}[{index}]")
            ]
        if value is not None and not isinstance(value, dict):
            return value
        for member in members(annotation):
            if is_section(member):
                return self.section(value, member, where, setting)
        if value is None:
            return value
        item = next(iter(item_types(annotation, dict)), Any)
        return {
            key: self._value(element, item, f"{where}.{key}", f"{setting}.*")
            for key, element in value.items()
            if not self._is_missing(element, item, f"{where}.{key}")
        }

    def _is_missing(self, value: Any, annotation: Any, where: str) -> bool:
        if not isinstance(value, MissingVariable) or may_be_missing(annotation):
            return False
        if _holds_section(annotation):
            return False  # whole sections cannot be left out; this one is refused
        self.warnings.append(f"{where} needs the environment variable {value.name}, which is not set; it is left out")
        return True

    def _unused(self, name: str, where: str, shape: type[Section], setting: str) -> str:
        reason = reason_without_effect(setting, name)
        if reason is not None:
            return _without_effect(where, reason)
        sentence = f"{where} is not a known setting and is ignored"
        close = difflib.get_close_matches(name, known_names(shape, setting), n=1, cutoff=0.75)
        if close:
            return f"{sentence}; did you mean {close[0]}?"
        homes = [
            other for other, other_shape in section_shapes(self.root).items() if name in known_names(other_shape, other)
        ]
        if not homes:
            return sentence
        nearest = min(homes, key=lambda other: (not other.startswith(f"{setting}."), other.count(".")))
        return f"{sentence}; did you mean {join(nearest, name)}?"


def _holds_section(annotation: Any) -> bool:
    return all(is_section(member) for member in members(annotation))


def _without_effect(where: str, reason: str) -> str:
    return f"{where} is accepted but has no effect yet" + (f": {reason}" if reason else "")
