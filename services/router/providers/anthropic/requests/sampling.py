"""temperature, top_p, top_k and stop.

Sources: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/about-claude/models/migration-guide (models that refuse them),
https://platform.claude.com/docs/en/build-with-claude/extended-thinking (what thinking allows).
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.abilities import Abilities

_TOP_P_LEAST_WHEN_THINKING = 0.95


def sampling_of(
    body: dict[str, Any], abilities: Abilities, *, thinking: bool, unsupported: dict[str, str]
) -> dict[str, Any]:
    """Return what Anthropic takes of the sampling parameters. 1 is left out: it is the default at both."""
    wanted = {name: value for name in ("temperature", "top_p") if (value := _number(body, name)) not in (None, 1)}
    if body.get("top_k") is not None:
        wanted["top_k"] = body["top_k"]
    if not abilities.sampling:
        unsupported.update(dict.fromkeys(wanted, "this model samples in its own way"))
        return {}
    if wanted.get("temperature", 0) > 1:
        unsupported["temperature"] = "at most 1"
        del wanted["temperature"]  # 1 is the default
    if thinking:
        for name in ("temperature", "top_k"):
            if wanted.pop(name, None) is not None:
                unsupported[name] = "not while thinking"
        if wanted.get("top_p", 1) < _TOP_P_LEAST_WHEN_THINKING:
            unsupported["top_p"] = f"at least {_TOP_P_LEAST_WHEN_THINKING} while thinking"
            del wanted["top_p"]
    if not abilities.both_samplers and "temperature" in wanted and "top_p" in wanted:
        unsupported["top_p"] = "not together with temperature"
        del wanted["top_p"]
    return wanted


def stop_sequences_of(body: dict[str, Any], unsupported: dict[str, str]) -> list[str]:
    """Translate `stop`. Anthropic refuses sequences of white space alone."""
    given = body.get("stop")
    if given is None:
        return []
    sequences = [given] if isinstance(given, str) else given
    if not isinstance(sequences, list):
        raise InvalidField("stop", "must be a string or a list of strings.")
    for index, sequence in enumerate(sequences):
        if not isinstance(sequence, str):
            raise InvalidField(f"stop[{index}]", "must be a string.")
    visible = [sequence for sequence in sequences if sequence.strip()]
    if len(visible) < len(sequences):
        unsupported["stop"] = "sequences of white space"
    return visible


def _number(body: dict[str, Any], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise InvalidField(name, "must be a number, 0 or more.")
    return value
