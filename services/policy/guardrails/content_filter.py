"""LiteLLM's `litellm_content_filter`: patterns, deny lists and categories; what they find is blocked or masked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from services.policy.guardrails.filter_rules import category_rules, pattern_rules, word_rules
from services.policy.guardrails.filter_settings import FilterSettings
from services.policy.guardrails.rule import Rule
from services.policy.guardrails.spans import Cover, covered, masked, uncovered


class Refusal(NamedTuple):
    """Why a text may not pass: LiteLLM's fields, `error` being the sentence to show."""

    fields: Mapping[str, Any]


class ContentFilter:
    """Examines one text after the other; it keeps nothing of them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def examine(self, text: str) -> str | Refusal:
        """Return the text, with what is to be masked masked; or the first rule's refusal.

        All rules look at the original text, in their order. What one has masked whole is hidden from those after it.
        """
        lowered = text.lower()
        covers: list[Cover] = []
        for rule in self._rules:
            found = rule.find(text, lowered)
            if not found:
                continue
            open_spans = uncovered(found, covers)
            if rule.tag is None:
                if open_spans:
                    return Refusal(rule.refusal)
            else:
                covers = covered(covers, open_spans, rule.tag)
        return masked(text, covers) if covers else text


def build_content_filter(name: str, own: Mapping[str, Any], base_dir: Path) -> tuple[ContentFilter, list[str]]:
    """Return the filter of the guardrail `name`, and what its owner should know about its settings.

    Raises:
        GuardrailConfigError
    """
    settings = FilterSettings.read(name, own)
    warnings = [f"{path} has no effect" for path in settings.without_effect()]
    rules = [
        *category_rules(name, settings, base_dir, warnings),
        *pattern_rules(name, settings, warnings),
        *word_rules(name, settings, base_dir, warnings),
    ]
    if not rules:
        warnings.append("has neither patterns nor blocked_words nor categories, so it finds nothing")
    return ContentFilter(rules), warnings
