"""The content filter: its settings, its order, what it blocks and masks, and how it refuses to be built."""

from pathlib import Path
from typing import Any

import pytest

from services.policy.guardrails import GuardrailConfigError
from services.policy.guardrails.content_filter import ContentFilter, Refusal, build_content_filter
from services.policy.guardrails.nested_repeats import has_nested_repeats
from shared.config.reading.references import MissingVariable

SSN = {"pattern_type": "prebuilt", "pattern_name": "us_ssn", "action": "BLOCK"}
EMAIL = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}
EMPLOYEE = {"pattern_type": "regex", "pattern": r"\bemp-\d{6}\b", "name": "employee_id", "action": "MASK"}


def built(base_dir: Path = Path("nowhere"), **own: Any) -> ContentFilter:
    content_filter, warnings = build_content_filter("pii", own, base_dir)
    assert warnings == []
    return content_filter


def refusal_of(own: dict[str, Any], base_dir: Path = Path("nowhere")) -> str:
    with pytest.raises(GuardrailConfigError) as caught:
        build_content_filter("pii", own, base_dir)
    assert caught.value.guardrail == "pii"
    assert str(caught.value).startswith("guardrail 'pii': ")
    return caught.value.message.removeprefix("guardrail 'pii': ")


def warnings_of(base_dir: Path = Path("nowhere"), **own: Any) -> list[str]:
    return build_content_filter("pii", own, base_dir)[1]


@pytest.mark.parametrize(
    ("own", "text", "expected"),
    [
        ({"patterns": [EMAIL]}, "mail a@b.com and c@d.org", "mail [EMAIL_REDACTED] and [EMAIL_REDACTED]"),
        ({"patterns": [EMAIL]}, "nothing here", "nothing here"),
        ({"patterns": [EMPLOYEE]}, "ask EMP-123456", "ask [EMPLOYEE_ID_REDACTED]"),
        ({"patterns": [{**EMPLOYEE, "name": None}]}, "ask EMP-123456", "ask [CUSTOM_REGEX_REDACTED]"),
        ({"blocked_words": [{"keyword": "apollo", "action": "MASK"}]}, "APOLLOnia", "[KEYWORD_REDACTED]nia"),
        ({"blocked_words": [{"keyword": 1234, "action": "MASK"}]}, "pin 1234", "pin [KEYWORD_REDACTED]"),
        ({"patterns": [EMAIL], "pattern_redaction_format": "<{pattern_name}>"}, "a@b.com", "<EMAIL>"),
        ({"patterns": [EMAIL], "pattern_redaction_format": "{x} {0.__class__}"}, "a@b.com", "{x} {0.__class__}"),
        ({"blocked_words": [{"keyword": "x", "action": "MASK"}], "keyword_redaction_tag": r"\1"}, "x", r"\1"),
        ({"patterns": [EMAIL, SSN]}, "a@b.com 1-2", "[EMAIL_REDACTED] 1-2"),
        ({"patterns": None, "blocked_words": None, "categories": None, "severity_threshold": None,
          "pattern_redaction_format": None, "keyword_redaction_tag": None, "blocked_words_file": None}, "a", "a"),
    ],
)  # fmt: skip
def test_what_is_found_is_masked_and_the_rest_stays(own: dict[str, Any], text: str, expected: str) -> None:
    assert build_content_filter("pii", own, Path("nowhere"))[0].examine(text) == expected


def test_a_blocked_pattern_is_told_by_its_name_alone() -> None:
    assert built(patterns=[SSN]).examine("my ssn is 123-45-6789") == Refusal(
        {"error": "Content blocked: us_ssn pattern detected", "pattern": "us_ssn"}
    )


@pytest.mark.parametrize(
    ("description", "sentence"),
    [(None, "Content blocked: keyword 'top secret' detected"),
     ("internal", "Content blocked: keyword 'top secret' detected (internal)")],
)  # fmt: skip
def test_a_blocked_word_is_told_in_lower_case_with_its_description(description: str | None, sentence: str) -> None:
    words = [{"keyword": "Top Secret", "action": "BLOCK", "description": description}]
    assert built(blocked_words=words).examine("it is TOP SECRET") == Refusal(
        {"error": sentence, "keyword": "top secret", "description": description}
    )


def test_what_an_earlier_rule_masked_whole_is_hidden_from_a_later_one() -> None:
    block = {"pattern_type": "regex", "pattern": "example", "name": "example", "action": "BLOCK"}
    assert built(patterns=[EMAIL, block]).examine("a@example.com") == "[EMAIL_REDACTED]"
    assert isinstance(built(patterns=[block, EMAIL]).examine("a@example.com"), Refusal)


def test_a_blocking_rule_sees_what_is_only_partly_masked() -> None:
    block = {"pattern_type": "regex", "pattern": "to a@", "name": "to", "action": "BLOCK"}
    assert isinstance(built(patterns=[EMAIL, block]).examine("to a@b.com"), Refusal)


def test_tags_are_not_examined_themselves() -> None:
    words = [{"keyword": "redacted", "action": "BLOCK"}, {"keyword": "email", "action": "MASK"}]
    assert built(patterns=[EMAIL], blocked_words=words).examine("a@b.com") == "[EMAIL_REDACTED]"


def test_patterns_come_before_words() -> None:
    refusal = built(patterns=[SSN], blocked_words=[{"keyword": "ssn", "action": "BLOCK"}]).examine("ssn 123-45-6789")
    assert isinstance(refusal, Refusal)
    assert refusal.fields["pattern"] == "us_ssn"


def test_words_come_from_a_file_next_to_the_configuration_and_override_it(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(
        "blocked_words:\n  - {keyword: Zeus, action: BLOCK}\n  - {keyword: apollo, action: MASK}\n", encoding="utf-8"
    )
    words = [{"keyword": "ZEUS", "action": "MASK"}]
    content_filter = built(tmp_path, blocked_words=words, blocked_words_file="words.yaml")
    assert isinstance(content_filter.examine("zeus"), Refusal)
    assert content_filter.examine("apollo") == "[KEYWORD_REDACTED]"
    assert isinstance(built(blocked_words_file=str(tmp_path / "words.yaml")).examine("zeus"), Refusal)


CATEGORY = """
category_name: denied_medical_advice
default_action: BLOCK
keywords:
  - {keyword: overdose of, severity: high}
  - {keyword: dose, severity: medium}
  - {keyword: pill, severity: low}
always_block_keywords:
  - {keyword: lethal}
phrase_patterns:
  - 'how (much|many) .{0,20} should i take'
exceptions:
  - Emergency line
"""


@pytest.mark.parametrize(
    ("threshold", "text", "detail"),
    [
        (None, "what dose", ("keyword", "dose", "medium")),
        ("high", "what dose", None),
        ("low", "one pill", ("keyword", "pill", "low")),
        (None, "one pill", None),
        (None, "two doses", None),
        (None, "an Overdose of it", ("keyword", "overdose of", "high")),
        (None, "Lethal?", ("keyword", "lethal", "high")),
        ("high", "How many pills should I take?", ("matched_phrase", CATEGORY.split("'")[1], "high")),
        (None, "what dose, says the emergency LINE", None),
    ],
)
def test_a_category_blocks_by_severity_unless_an_exception_stands_in_the_text(
    tmp_path: Path, threshold: str | None, text: str, detail: tuple[str, str, str] | None
) -> None:
    (tmp_path / "medical.yaml").write_text(CATEGORY, encoding="utf-8")
    category = {"category": "medical", "category_file": "medical.yaml", "severity_threshold": threshold}
    answer = built(tmp_path, categories=[category]).examine(text)
    if detail is None:
        assert answer == text
        return
    kind, what, severity = detail
    said = f"category keyword '{what}'" if kind == "keyword" else f"conditional match 'phrase: {what}'"
    assert answer == Refusal({
        "error": f"Content blocked: medical {said} detected (severity: {severity})",
        "category": "medical",
        kind: what if kind == "keyword" else f"phrase: {what}",
        "severity": severity,
    })  # fmt: skip


def test_a_category_can_mask_and_be_switched_off(tmp_path: Path) -> None:
    (tmp_path / "medical.yaml").write_text(CATEGORY, encoding="utf-8")
    category = {"category": "medical", "category_file": "medical.yaml", "action": "MASK"}
    assert built(tmp_path, categories=[category]).examine("a lethal dose") == "a [KEYWORD_REDACTED] [KEYWORD_REDACTED]"
    assert built(tmp_path, severity_threshold="high", categories=[category]).examine("dose") == "dose"
    off = {"category": "harmful_violence", "enabled": False}
    assert built(tmp_path, categories=[category, off]).examine("kill") == "kill"


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"patterns": [{**SSN, "pattern_name": "us_snn"}]},
         "patterns[0].pattern_name: there is no us_snn; there are airline_pnr, "),
        ({"patterns": [EMAIL, {**SSN, "pattern_name": "religion"}]},
         "patterns[1].pattern_name: religion is a list of words; write the words you mean into blocked_words"),
        ({"patterns": [{**SSN, "pattern_name": None}]},
         "patterns[0].pattern_name: a pattern of type prebuilt needs it"),
        ({"patterns": [{"pattern_type": "regex", "action": "MASK"}]},
         "patterns[0].pattern: a pattern of type regex needs it"),
        ({"patterns": [{**EMPLOYEE, "pattern": "emp-("}]},
         "patterns[0].pattern (employee_id): does not compile: missing )"),
        ({"patterns": [{**EMPLOYEE, "pattern": "a{99999999999999}"}]},
         "patterns[0].pattern (employee_id): does not compile"),
        ({"patterns": [{**SSN, "action": "ALERT"}]}, "patterns[0].action: Input should be 'BLOCK' or 'MASK'"),
        ({"patterns": [{**SSN, "pattern_type": "llm"}]},
         "patterns[0].pattern_type: Input should be 'prebuilt' or 'regex'"),
        ({"patterns": {"us_ssn": "BLOCK"}}, "patterns: Input should be a valid tuple"),
        ({"blocked_words": [{"keyword": "a"}]}, "blocked_words[0].action: Field required"),
        ({"blocked_words": ["a"]}, "blocked_words[0]: Input should be a valid dictionary"),
        ({"blocked_words": [{"keyword": "**", "action": "MASK"}]}, "blocked_words[0].keyword: a keyword needs"),
        ({"blocked_words_file": "none.yaml"}, "blocked_words_file: nowhere/none.yaml cannot be read (No such file"),
        ({"blocked_words_file": MissingVariable("WORDS")}, "blocked_words_file: set the environment variable WORDS"),
        ({"severity_threshold": "medum"}, "severity_threshold: Input should be 'low', 'medium' or 'high'"),
        ({"categories": [{"category": "harmful_violence"}]},
         "categories[0]: Meterhouse has no words of its own for the category harmful_violence; name a file"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_its_remedy(own: dict[str, Any], sentence: str) -> None:
    assert refusal_of(own).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("- a", "must hold a mapping"),
        ("a: [", "is not YAML"),
        ("\x00", "is not YAML"),
        ("words: []", "blocked_words: Field required"),
        ("blocked_words: [{keyword: a, action: mask}]", "blocked_words[0].action: Input should be 'BLOCK' or 'MASK'"),
        ("blocked_words: [{keyword: '*', action: MASK}]", "blocked_words[0].keyword: a keyword needs"),
        ("blocked_words: [{action: MASK}]", "blocked_words[0].keyword: Field required"),
    ],
)
def test_a_wrong_file_of_words_is_named_with_the_place(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "words.yaml").write_text(content, encoding="utf-8")
    refusal = refusal_of({"blocked_words_file": "words.yaml"}, tmp_path)
    assert str(tmp_path / "words.yaml") in refusal
    assert sentence in refusal


def test_a_category_by_pairs_of_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("identifier_words: [minor]\nadditional_block_words: [x]", encoding="utf-8")
    refusal = refusal_of({"categories": [{"category": "c", "category_file": "c.yaml"}]}, tmp_path)
    assert "c.yaml: identifier_words is not supported; list whole phrases in keywords" in refusal


def test_settings_without_effect_are_named(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("blocked_words: [{keyword: a, action: MASK, owner: me}]", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("keywords: [{keyword: b}]\nphrases: [{phrase: c}]", encoding="utf-8")
    assert warnings_of(
        tmp_path,
        patterns=[EMAIL, {**SSN, "display_name": "SSN"}],
        image_model="gpt-4o",
        blocked_words_file="w.yaml",
        categories=[{"category": "c", "category_file": "c.yaml"}],
    ) == [
        "image_model has no effect",
        "patterns[1].display_name has no effect",
        f"{tmp_path / 'c.yaml'}: phrases has no effect",
        f"{tmp_path / 'w.yaml'}: blocked_words[0].owner has no effect",
    ]


def test_a_filter_that_finds_nothing_says_so() -> None:
    assert warnings_of() == ["has neither patterns nor blocked_words nor categories, so it finds nothing"]


@pytest.mark.parametrize(("pattern", "word"), [("x*", "empty text"), (r"(\w+\s*)+$", "repeats a repetition")])
def test_a_dangerous_expression_is_warned_of(pattern: str, word: str) -> None:
    (warning,) = warnings_of(patterns=[{**EMPLOYEE, "pattern": pattern}])
    assert warning.startswith("patterns[0].pattern (employee_id) ")
    assert word in warning


def test_an_expression_python_has_doubts_about_is_taken_as_it_is() -> None:
    pattern = {**EMPLOYEE, "pattern": "[[a]b"}
    assert built(patterns=[pattern]).examine("[b ab") == "[EMPLOYEE_ID_REDACTED] [EMPLOYEE_ID_REDACTED]"


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(a*)*", r"(?:\d+[- ]?)+x", "((a|b+)c?)*", "(a{2,})+", "(x+){3,}", "(a[)]+)*"]
)
def test_a_repeated_repetition_is_recognised(pattern: str) -> None:
    assert has_nested_repeats(pattern)


@pytest.mark.parametrize(
    "pattern", ["a+b+", "(a+b)c", "(a+){2,3}", r"(\(a\+)+", "([+*])+", "(ab)+(cd+)", "[(]a+)+", ")+", "a{2}"]
)
def test_an_ordinary_repetition_is_not(pattern: str) -> None:
    assert not has_nested_repeats(pattern)


def test_an_expression_may_find_a_place_without_characters() -> None:
    pattern = {
        "pattern_type": "regex",
        "pattern": r"^(?=.*\bmerger\b)(?=.*\bprice\b)",
        "name": "both",
        "action": "BLOCK",
    }
    content_filter = built(patterns=[pattern])
    assert isinstance(content_filter.examine("the price of the merger"), Refusal)
    assert content_filter.examine("the price") == "the price"
