"""Deny lists: which texts a keyword is found in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.guardrails.keywords import keyword_finder


def found(keyword: str, text: str, *, whole_word: bool = False) -> list[str]:
    spans = keyword_finder(keyword, whole_word=whole_word)(text, text.lower())
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("keyword", "text", "expected"),
    [
        ("confidential", "This is Confidential.", ["Confidential"]),
        ("CONFIDENTIAL", "confidential, CONFIDENTIAL", ["confidential", "CONFIDENTIAL"]),
        ("blue", "bluetooth", ["blue"]),
        ("project apollo", "about Project Apollo now", ["Project Apollo"]),
        ("project apollo", "project  apollo", []),
        ("a.c", "abc", []),
        ("a.c", "A.C", ["A.C"]),
        ("fu*c*k", "fuck fu-ck fu--ck", ["fuck", "fu-ck"]),
        ("a**b", "ab axb axxb axxxb", ["ab", "axb", "axxb"]),
        ("straße", "STRAßE", ["STRAßE"]),
        ("привет", "ПРИВЕТ!", ["ПРИВЕТ"]),
        ("机密", "这是机密文件", ["机密"]),
        ("caf\u00e9", "CAFE\u0301 und caf\u00e9", ["CAFE\u0301", "caf\u00e9"]),
        ("cafe\u0301", "caf\u00e9", ["caf\u00e9"]),
        ("🔥x", "see 🔥X", ["🔥X"]),
        ("x", "\u0130 X", ["X"]),
    ],
)
def test_a_keyword_is_found_in_any_case_and_inside_words(keyword: str, text: str, expected: list[str]) -> None:
    assert found(keyword, text) == expected


@pytest.mark.parametrize(("text", "expected"), [("men", ["men"]), ("recommend", []), ("MEN!", ["MEN"]), ("mené", [])])
def test_a_whole_word_is_not_found_inside_another(text: str, expected: list[str]) -> None:
    assert found("men", text, whole_word=True) == expected


@pytest.mark.parametrize("keyword", ["", "*", "***", " * ", "  "])
def test_a_keyword_of_wildcards_alone_is_refused(keyword: str) -> None:
    with pytest.raises(ValueError, match="other than"):
        keyword_finder(keyword, whole_word=False)


def test_many_wildcards_do_not_take_exponential_time() -> None:
    assert found("a" + "*" * 40 + "b", "a" * 5000) == []
    assert found("*".join("a" * 12) + "b", "a" * 5000) == []


@given(
    before=st.text(max_size=20),
    keyword=st.text(
        alphabet=st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="*"), min_size=1
    ),
    after=st.text(max_size=20),
)
def test_an_ascii_keyword_is_found_wherever_it_stands(before: str, keyword: str, after: str) -> None:
    for written in (keyword, keyword.upper(), keyword.lower()):
        assert found(keyword, before + written + after)
