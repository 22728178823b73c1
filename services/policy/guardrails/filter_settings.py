"""The settings of a content filter, as LiteLLM's `litellm_params` spell them."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from services.policy.guardrails.failure import GuardrailConfigError
from shared.config.reading.references import missing_in


class Action(StrEnum):
    BLOCK = "BLOCK"
    MASK = "MASK"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def reaches(self, threshold: "Severity") -> bool:
        order = list(Severity)
        return order.index(self) >= order.index(threshold)


class Settings(BaseModel):
    """A mapping that is kept whole, so that what has no effect can be named."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    @classmethod
    def read(cls, guardrail: str, value: Any, *, source: str = "") -> Self:
        """Return `value` typed; `source` is the file it stood in, where it was not the configuration.

        Raises:
            GuardrailConfigError: names the setting that is wrong.
        """
        where = f"{source}: " if source else ""
        for path, variable in missing_in(value):
            raise GuardrailConfigError(guardrail, f"{where}{path}: set the environment variable {variable}")
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
            raise GuardrailConfigError(guardrail, f"{where}{path or 'the whole'}: {first['msg']}") from error

    def without_effect(self, path: str = "") -> Iterator[str]:
        """Yield the path of every setting that nothing reads."""
        yield from (f"{path}{name}" for name in self.model_extra or {})
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Settings):
                        yield from item.without_effect(f"{path}{name}[{index}].")


class PatternSettings(Settings):
    pattern_type: Literal["prebuilt", "regex"]
    pattern_name: str | None = None
    pattern: str | None = None
    name: str | None = None
    action: Action


class WordSettings(Settings):
    keyword: str
    action: Action
    description: str | None = None


class WordFile(Settings):
    blocked_words: tuple[WordSettings, ...]


class CategorySettings(Settings):
    category: str
    enabled: bool = True
    action: Action | None = None
    severity_threshold: Severity | None = None
    category_file: str | None = None


class CategoryWord(Settings):
    keyword: str
    severity: Severity = Severity.HIGH


class CategoryFile(Settings):
    category_name: str = ""
    description: str = ""
    default_action: Action = Action.BLOCK
    keywords: tuple[CategoryWord, ...] = ()
    always_block_keywords: tuple[CategoryWord, ...] = ()
    phrase_patterns: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()


class FilterSettings(Settings):
    patterns: tuple[PatternSettings, ...] | None = None
    blocked_words: tuple[WordSettings, ...] | None = None
    blocked_words_file: str | None = None
    categories: tuple[CategorySettings, ...] | None = None
    severity_threshold: Severity | None = None
    pattern_redaction_format: str | None = None
    keyword_redaction_tag: str | None = None

    def tag_of_pattern(self, name: str) -> str:
        return (self.pattern_redaction_format or "[{pattern_name}_REDACTED]").replace("{pattern_name}", name.upper())

    def tag_of_keyword(self) -> str:
        return self.keyword_redaction_tag or "[KEYWORD_REDACTED]"


def read_yaml(guardrail: str, setting: str, path: Path) -> Mapping[str, Any]:
    """Return the mapping in a file that `setting` names.

    Raises:
        GuardrailConfigError: it is not there, or not YAML, or no mapping.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GuardrailConfigError(guardrail, f"{setting}: {path} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GuardrailConfigError(
            guardrail, f"{setting}: {path} is not YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(found, dict):
        raise GuardrailConfigError(guardrail, f"{setting}: {path} must hold a mapping")
    return found
