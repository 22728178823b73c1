"""docs/settings.md names every METERHOUSE_ variable that a process reads."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import typer
from pydantic_settings import BaseSettings

from services.cli import app
from services.local.settings_page import BEGIN, END, PROCESSES, main, rewritten, variable

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/settings.md"
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "services").rglob("settings.py"))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_settings_class_is_one_of_a_process(path: Path) -> None:
    module = import_module(".".join(path.with_suffix("").parts))
    classes = {
        thing
        for _, thing in inspect.getmembers(module, inspect.isclass)
        if issubclass(thing, BaseSettings) and thing.__module__ == module.__name__
    }
    assert classes
    assert classes <= set(PROCESSES.values())


@pytest.mark.parametrize("process", PROCESSES)
def test_every_variable_is_named_on_the_page(process: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, field in PROCESSES[process].model_fields.items():
        assert f"| `{variable(name)}` |" in page
        assert field.description


@pytest.mark.parametrize("process", PROCESSES)
def test_variables_carry_the_prefix_that_the_page_gives_them(process: str) -> None:
    assert PROCESSES[process].model_config.get("env_prefix") == "METERHOUSE_"


def test_the_table_on_the_page_is_that_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page, "run: make docs"


def test_every_variable_of_the_command_line_is_named_on_the_page_or_with_its_option() -> None:
    known = PAGE.read_text(encoding="utf-8") + (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    names = {
        parameter.envvar
        for command in group.commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        if parameter.envvar
    }
    assert "METERHOUSE_CONFIG" in names
    assert {name for name in names if f"`{name}`" not in known} == set()


def test_the_page_is_written_anew_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    page.write_text(f"before\n{BEGIN}\nstale row\n{END}\nafter\n", encoding="utf-8")
    main([str(page)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "stale row" not in text


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs the lines"):
        rewritten("no markers")
