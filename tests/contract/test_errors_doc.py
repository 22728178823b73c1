"""docs/errors.md names every error there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import shared.errors
from shared.errors import GatewayError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
CLASSES = {name: cls for name, cls in vars(shared.errors).items() if isinstance(cls, type)}


def literals_in(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def types_in(path: Path) -> Iterator[str]:
    """The `type=` of every failure that is made in a module, and the tables that types are taken from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if isinstance(CLASSES.get(name), type) and issubclass(CLASSES[name], GatewayError):
                for keyword in node.keywords:
                    if keyword.arg == "type" and isinstance(keyword.value, ast.Constant | ast.IfExp):
                        yield from literals_in(keyword.value)
        elif isinstance(node, ast.Assign) and "_TYPES" in [getattr(target, "id", "") for target in node.targets]:
            assert isinstance(node.value, ast.Dict)
            for value in node.value.values:
                yield from literals_in(value)


def raised_types() -> set[str]:
    types = {cls.type for cls in CLASSES.values() if issubclass(cls, GatewayError)}
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            types |= set(types_in(path))
    return types


def test_every_type_of_an_error_is_on_the_page() -> None:
    found = raised_types()
    assert {"invalid_request_error", "expired_key", "model_without_price", "provider_auth_error"} <= found
    missing = sorted(kind for kind in found if f"`{kind}`" not in PAGE)
    assert missing == []


def test_every_type_in_the_pages_table_is_raised_somewhere() -> None:
    cells = re.findall(r"(?m)^\| \d{3} \| (`[^|]+`) \|", PAGE)
    listed = {kind for cell in cells for kind in re.findall(r"`(\w+)`", cell)}
    assert len(listed) > 10
    assert listed - raised_types() == set()


def test_every_status_a_failure_has_by_itself_is_on_the_page() -> None:
    listed = set(re.findall(r"(?m)^\| (\d{3}) \|", PAGE))
    own = {str(cls.status) for cls in CLASSES.values() if issubclass(cls, GatewayError)}
    assert own <= listed


def test_the_drawing_of_the_failures_shows_each_with_its_status_and_type() -> None:
    drawing = shared.errors.__doc__ or ""
    for name, cls in CLASSES.items():
        if not issubclass(cls, GatewayError):
            continue
        (line,) = re.findall(rf"(?m)^\s*\* {name}\b.*$", drawing)
        if cls not in (GatewayError, shared.errors.ProviderFailed):
            assert f"{cls.status} {cls.type}" in re.sub(r"\s+", " ", line)
