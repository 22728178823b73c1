"""Ollama's native counts, which stand in the answer itself.

Sources: https://github.com/ollama/ollama/blob/main/docs/api.md, https://docs.ollama.com/api/usage
"""

from shared.usage.classes import Usage
from shared.usage.reading import count, count_or_0


def usage_from_ollama(answer: object) -> Usage | None:
    """Return the counts of the last object of an answer, None where it has none.

    A prompt that was still in memory is not counted again: prompt_eval_count is then missing. Newer versions count it,
    and tell beside it how much of it they had.
    """
    read, wrote = count(answer, "prompt_eval_count"), count(answer, "eval_count")
    if read is None and wrote is None:
        return None
    cached = min(read or 0, count_or_0(answer, "prompt_eval_cached_count"))
    return Usage(input=(read or 0) - cached, cached_input=cached, output=wrote or 0)
