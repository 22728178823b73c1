"""From the settings of a content filter to its rules, in the order LiteLLM applies them."""

import re
import warnings as python_warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.policy.guardrails.failure import GuardrailConfigError
from services.policy.guardrails.filter_settings import (
    Action,
    CategoryFile,
    CategorySettings,
    FilterSettings,
    PatternSettings,
    Severity,
    WordFile,
    WordSettings,
    read_yaml,
)
from services.policy.guardrails.keywords import keyword_finder
from services.policy.guardrails.nested_repeats import has_nested_repeats
from services.policy.guardrails.patterns import prebuilt_finder, regex_finder
from services.policy.guardrails.prebuilt_patterns import PREBUILT, WORD_LISTS
from services.policy.guardrails.rule import Find, Rule
from services.policy.guardrails.spans import Span

_UNREAD_IN_CATEGORIES = ("identifier_words", "additional_block_words", "inherit_from")


def pattern_rules(guardrail: str, settings: FilterSettings, warnings: list[str]) -> list[Rule]:
    rules: list[Rule] = []
    for index, pattern in enumerate(settings.patterns or ()):
        path = f"patterns[{index}]"
        if pattern.pattern_type == "prebuilt":
            name, find = _prebuilt(guardrail, path, pattern)
        else:
            name = pattern.name or "custom_regex"
            if not pattern.pattern:
                raise GuardrailConfigError(guardrail, f"{path}.pattern: a pattern of type regex needs it")
            find = regex_finder(_compiled(guardrail, f"{path}.pattern ({name})", pattern.pattern, warnings))
        refusal = {"error": f"Content blocked: {name} pattern detected", "pattern": name}
        rules.append(_rule(find, pattern.action, settings.tag_of_pattern(name), refusal))
    return rules


def word_rules(guardrail: str, settings: FilterSettings, base_dir: Path, warnings: list[str]) -> list[Rule]:
    words = [(f"blocked_words[{at}]", word) for at, word in enumerate(settings.blocked_words or ())]
    if settings.blocked_words_file is not None:
        path = base_dir / settings.blocked_words_file
        content = read_yaml(guardrail, "blocked_words_file", path)
        listed = WordFile.read(guardrail, content, source=str(path))
        warnings += [f"{path}: {setting} has no effect" for setting in listed.without_effect()]
        words += [(f"{path}: blocked_words[{at}]", word) for at, word in enumerate(listed.blocked_words)]
    last_of: dict[str, tuple[str, WordSettings]] = {}
    for path_of, word in words:
        last_of[word.keyword.lower()] = (path_of, word)  # the last one counts: a file overrides the configuration
    rules: list[Rule] = []
    for lowered, (path_of, word) in last_of.items():
        sentence = f"Content blocked: keyword '{lowered}' detected"
        refusal = {
            "error": f"{sentence} ({word.description})" if word.description else sentence,
            "keyword": lowered,
            "description": word.description,
        }
        find = _keyword(guardrail, f"{path_of}.keyword", word.keyword, whole_word=False)
        rules.append(_rule(find, word.action, settings.tag_of_keyword(), refusal))
    return rules


def category_rules(guardrail: str, settings: FilterSettings, base_dir: Path, warnings: list[str]) -> list[Rule]:
    """An exception phrase of any category, anywhere in a text, switches all of them off for that text."""
    loaded: list[tuple[CategorySettings, CategoryFile, str]] = []
    for index, category in enumerate(settings.categories or ()):
        if category.enabled:
            loaded.append((category, *_category_file(guardrail, f"categories[{index}]", category, base_dir, warnings)))
    exceptions = tuple(phrase.lower() for _, content, _ in loaded for phrase in content.exceptions)
    rules: list[Rule] = []
    for category, content, source in loaded:
        action = category.action or content.default_action
        threshold = category.severity_threshold or settings.severity_threshold or Severity.MEDIUM
        for at, pattern in enumerate(content.phrase_patterns):
            regex = _compiled(guardrail, f"{source}: phrase_patterns[{at}]", pattern, warnings)
            phrase = f"phrase: {pattern}"
            refusal = {
                "error": f"Content blocked: {category.category} conditional match '{phrase}' detected (severity: high)",
                "category": category.category,
                "matched_phrase": phrase,
                "severity": "high",
            }
            find = _unless(exceptions, regex_finder(regex))
            rules.append(_rule(find, action, settings.tag_of_keyword(), refusal))
        for word in (*content.always_block_keywords, *content.keywords):
            if not word.severity.reaches(threshold):
                continue
            keyword = word.keyword.lower()
            refusal = {
                "error": f"Content blocked: {category.category} category keyword '{keyword}' detected "
                f"(severity: {word.severity})",
                "category": category.category,
                "keyword": keyword,
                "severity": str(word.severity),
            }
            find = _keyword(guardrail, source, word.keyword, whole_word=" " not in keyword)
            rules.append(_rule(_unless(exceptions, find), action, settings.tag_of_keyword(), refusal))
    return rules


def _rule(find: Find, action: Action, tag: str, refusal: dict[str, Any]) -> Rule:
    return Rule(find, tag if action is Action.MASK else None, refusal)


def _prebuilt(guardrail: str, path: str, pattern: PatternSettings) -> tuple[str, Find]:
    name = pattern.pattern_name
    if not name:
        raise GuardrailConfigError(guardrail, f"{path}.pattern_name: a pattern of type prebuilt needs it")
    if name in WORD_LISTS:
        raise GuardrailConfigError(
            guardrail, f"{path}.pattern_name: {name} is a list of words; write the words you mean into blocked_words"
        )
    if name not in PREBUILT:
        raise GuardrailConfigError(
            guardrail, f"{path}.pattern_name: there is no {name}; there are {', '.join(sorted(PREBUILT))}"
        )
    return name, prebuilt_finder(PREBUILT[name])


def _compiled(guardrail: str, path: str, pattern: str, warnings: list[str]) -> re.Pattern[str]:
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")  # about notations that may change their meaning in a later Python
            regex = re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise GuardrailConfigError(guardrail, f"{path}: does not compile: {error}") from error
    if regex.fullmatch(""):
        warnings.append(f"{path} matches an empty text, so it finds something in every text")
    if has_nested_repeats(pattern):
        warnings.append(f"{path} repeats a repetition: on some texts it takes so long that nothing else is decided")
    return regex


def _keyword(guardrail: str, path: str, keyword: str, *, whole_word: bool) -> Find:
    try:
        return keyword_finder(keyword, whole_word=whole_word)
    except ValueError as error:
        raise GuardrailConfigError(guardrail, f"{path}: {error}, not {keyword!r}") from error


def _category_file(
    guardrail: str, path: str, category: CategorySettings, base_dir: Path, warnings: list[str]
) -> tuple[CategoryFile, str]:
    if category.category_file is None:
        raise GuardrailConfigError(
            guardrail,
            f"{path}: Meterhouse has no words of its own for the category {category.category}; "
            "name a file with yours in category_file",
        )
    file = base_dir / category.category_file
    found = read_yaml(guardrail, f"{path}.category_file", file)
    for setting in _UNREAD_IN_CATEGORIES:
        if found.get(setting):
            raise GuardrailConfigError(guardrail, f"{file}: {setting} is not supported; list whole phrases in keywords")
    content = CategoryFile.read(guardrail, found, source=str(file))
    warnings += [f"{file}: {setting} has no effect" for setting in content.without_effect()]
    return content, str(file)


def _unless(exceptions: Sequence[str], find: Find) -> Find:
    if not exceptions:
        return find

    def find_unless(text: str, lowered: str) -> list[Span]:
        found = find(text, lowered)
        return [] if found and any(phrase in lowered for phrase in exceptions) else found

    return find_unless
