"""`include`: further files whose lists are appended and whose settings are added to those of the first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.config.reading.failure import ConfigError
from shared.config.reading.references import MissingVariable, resolved
from shared.config.reading.yaml_file import read_yaml


def read_with_includes(path: Path, environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the file's settings with those of every file it includes, and warnings; references stay as they are.

    Paths are relative to the including file. As in LiteLLM the included file wins where both give a value.

    Raises:
        ConfigError: a file cannot be read, or files include each other in a circle.
    """
    return _read(path, environ, ())


def _read(path: Path, environ: Mapping[str, str], chain: tuple[Path, ...]) -> tuple[dict[str, Any], list[str]]:
    own = path.resolve()
    if own in chain:
        raise ConfigError(path, f"include: {path.name} includes itself through {chain[-1].name}; remove one of the two")
    content, warnings = read_yaml(path)
    for index, name in enumerate(_included(path, content, environ)):
        target = path.parent / name
        if not target.is_file():
            raise ConfigError(path, f"include[{index}] names {target}, which is no file; correct or remove it")
        further, more = _read(target, environ, (*chain, own))
        warnings += more
        for section, value in further.items():
            if section != "include":
                content[section] = _merged(content.get(section), value, section, target.name, warnings)
    return content, warnings


def _included(path: Path, content: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    names = resolved(content.get("include"), environ)
    if names is None:
        return []
    if isinstance(names, str | MissingVariable):
        content["include"] = names = [names]
    if isinstance(names, list):
        for index, name in enumerate(names):
            if isinstance(name, MissingVariable):
                raise ConfigError(path, f"include[{index}] needs a variable: {name.remedy}")
        if all(isinstance(name, str) for name in names):
            return names
    raise ConfigError(path, "include must be a list of file names; write `include: [models.yaml]`")


def _merged(ours: Any, theirs: Any, path: str, source: str, warnings: list[str]) -> Any:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    if isinstance(ours, list) and isinstance(theirs, list):
        return [*ours, *theirs]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        both = dict(ours)
        for name, value in theirs.items():
            both[name] = _merged(ours.get(name), value, f"{path}.{name}", source, warnings)
        return both
    if ours != theirs:
        warnings.append(f"{path} is set more than once; the value in {source} is used")
    return theirs
