"""One YAML file, read into plain values; whatever is wrong with it is said with line and column."""

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from shared.config.reading.failure import ConfigError

if TYPE_CHECKING:
    from yaml import SafeLoader as FastLoader
else:
    FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times faster, where it was built


def read_yaml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the mapping in the file, and a warning for each name that stands twice in one of its mappings.

    An empty file is an empty mapping. Values in the text are not quoted in errors: they may be secrets.

    Raises:
        ConfigError: the file cannot be read, or is not a mapping in YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(path, "there is no such file; give the path of a config.yaml, or none at all") from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, f"byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(path, f"the file cannot be read ({error.strerror}); check its path and permissions") from None
    loader = _Loader(text)
    try:
        content = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        raise ConfigError(path, _sentence(error)) from None
    except yaml.reader.ReaderError as error:
        raise ConfigError(path, f"character {error.position} is not allowed in YAML; remove it") from None
    except RecursionError:
        raise ConfigError(path, "the YAML is nested too deeply; flatten it") from None
    finally:
        loader.dispose()
    if content is None:
        return {}, []
    if not isinstance(content, dict):
        raise ConfigError(path, f"the file holds a {_kind(content)}; it must hold settings, as in `model_list: [...]`")
    return content, [f"{path.name}: {duplicate}" for duplicate in loader.duplicates]


class _Loader(FastLoader):
    """Safe YAML, with dates left as text (`api_version: 2024-02-01`) and doubled names noticed."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in FastLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.duplicates: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value != "<<" and isinstance(key.value, str):
                if key.value in lines:
                    both = f"in line {lines[key.value]} and again in line {line}"
                    self.duplicates.append(f"{key.value} is given {both}; the last one is used")
                lines[key.value] = line
        return super().construct_mapping(node, deep=deep)


def _sentence(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    problem = error.problem or error.context or "it cannot be parsed"
    return f"{where}not valid YAML, {problem}; check indentation, colons and quotes there"


def _kind(content: object) -> str:
    return {list: "list", str: "text", int: "number", float: "number"}.get(type(content), type(content).__name__)
