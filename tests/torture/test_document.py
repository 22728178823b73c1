"""The report of a run stands in the documentation as it was printed."""

from pathlib import Path

import pytest

from tests.torture.document import with_report

PAGE = Path(__file__).parents[2] / "docs" / "budgets.md"


def test_a_report_takes_the_place_of_the_one_before_and_nothing_else_changes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    written = with_report(page, 'make torture ARGS="--seed 1"', ["requests  1", "kills  2 "])
    assert '```\n$ make torture ARGS="--seed 1"\nrequests  1\nkills  2\n```' in written
    assert with_report(written, "make torture", ["x"]) == with_report(page, "make torture", ["x"])
    before = page.partition("```\n$ make torture")[0]
    assert written.startswith(before)
    assert written.rpartition("```")[2] == page.rpartition("```")[2]


@pytest.mark.parametrize("page", ["none", "```\n$ make torture\n```\n\n```\n$ make torture\n```"])
def test_a_page_without_its_one_report_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="must have one"):
        with_report(page, "make torture", [])
