"""Covers and masks: nothing that a rule wants hidden ever shows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.guardrails.spans import Cover, Span, covered, masked, uncovered

LENGTH = 60
spans = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(lambda pair: (min(pair), max(pair))), max_size=8
).map(lambda found: sorted(set(found)))


@given(st.lists(spans, max_size=4))
def test_covers_hide_every_span_and_nothing_else(rounds: list[list[Span]]) -> None:
    covers: list[Cover] = []
    for number, found in enumerate(rounds):
        covers = covered(covers, found, f"<{number}>")
    wanted = {at for found in rounds for start, end in found for at in range(start, end)}
    assert {at for cover in covers for at in range(cover.start, cover.end)} == wanted
    assert all(first.end <= second.start for first, second in pairwise(covers))


@given(spans, spans)
def test_a_span_is_uncovered_unless_it_lies_inside_one_cover(first: list[Span], second: list[Span]) -> None:
    covers = covered([], first, "x")
    expected = [span for span in second if not any(cover.start <= span[0] and span[1] <= cover.end for cover in covers)]
    assert [span for span in uncovered(second, covers) if span[0] < span[1]] == [
        span for span in expected if span[0] < span[1]
    ]


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ([(0, 3)], [(5, 8)], "<1>34<2>89"),
        ([(5, 8)], [(0, 3)], "<2>34<1>89"),
        ([(2, 5)], [(4, 8)], "01<1>89"),
        ([(4, 8)], [(2, 5)], "01<1>89"),
        ([(2, 4), (6, 8)], [(3, 7)], "01<1>89"),
        ([(0, 5)], [(5, 10)], "<1><2>"),
        ([(3, 3)], [], "0123456789"),
    ],
)
def test_where_rules_overlap_the_older_tag_stands_for_both(first: list[Span], second: list[Span], text: str) -> None:
    assert masked("0123456789", covered(covered([], first, "<1>"), second, "<2>")) == text
