"""`os.environ/NAME`: the value of an environment variable, taken when the configuration is loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

PREFIX = "os.environ/"


@dataclass(frozen=True, slots=True)
class MissingVariable:
    """Stands where a value would be, had the variable `name` been set when the configuration was loaded.

    A provider key that is missing must not keep the gateway from starting: who needs the value says `remedy`.
    """

    name: str

    @property
    def remedy(self) -> str:
        return f"set the environment variable {self.name}"


def resolved(value: Any, environ: Mapping[str, str]) -> Any:
    """Return `value` with every reference replaced, however deep it lies; a variable that is empty counts as missing.

    An empty one is how compose files and shells hand on a variable nobody has set.
    """
    match value:
        case str():
            if not value.startswith(PREFIX):
                return value
            name = value.removeprefix(PREFIX)
            return environ.get(name) or MissingVariable(name)
        case dict():
            return {name: resolved(item, environ) for name, item in value.items()}
        case list():
            return [resolved(item, environ) for item in value]
        case _:
            return value


def missing_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (the setting's path, the variable's name) for every variable that was missing in `value`."""
    match value:
        case MissingVariable():
            yield path, value.name
        case BaseModel():
            for name, item in value:
                yield from missing_in(item, f"{path}.{name}" if path else name)
        case dict():
            for name, item in value.items():
                yield from missing_in(item, f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from missing_in(item, f"{path}[{index}]")
