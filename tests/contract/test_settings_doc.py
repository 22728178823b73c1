"""docs/settings.md says what the code says."""

from pathlib import Path

import pytest

from shared.config import every_setting
from shared.config.documentation.document import main, rewritten

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_setting_is_named_on_the_page(page: str) -> None:
    missing = [setting.path for setting in every_setting() if f"`{setting.path}`" not in page]
    assert missing == [], "run: python -m shared.config.documentation.document docs/settings.md"


def test_the_tables_on_the_page_are_those_of_the_code(page: str) -> None:
    assert rewritten(page) == page, "run: python -m shared.config.documentation.document docs/settings.md"


def test_the_page_is_written_anew_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    page.write_text("before\n<!-- config:begin -->\nstale row\n<!-- config:end -->\nafter\n", encoding="utf-8")
    main([str(page)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "stale row" not in text
    assert "`router_settings.num_retries`" in text


@pytest.mark.parametrize("text", ["", "<!-- config:begin -->", "<!-- config:end --> <!-- config:begin -->"])
def test_a_page_without_both_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the page needs the lines"):
        rewritten(text)


def test_the_command_says_how_it_is_used() -> None:
    with pytest.raises(SystemExit, match=r"usage: python -m shared\.config\.document"):
        main([])
