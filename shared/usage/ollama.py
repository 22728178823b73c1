"""Ollama's native counts, which stand in the answer itself.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from shared.usage.classes import Usage
from shared.usage.reading import count


def usage_from_ollama(answer: object) -> Usage | None:
    """Return the counts of the last object of an answer, None where it has none.

    A prompt that was still in memory is not counted again: prompt_eval_count is then missing.
    """
    read, wrote = count(answer, "prompt_eval_count"), count(answer, "eval_count")
    if read is None and wrote is None:
        return None
    return Usage(input=read or 0, output=wrote or 0)
