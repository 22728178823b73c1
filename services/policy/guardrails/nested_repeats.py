"""Does a regular expression repeat a repetition? Such ones can take exponentially long on a text made for it."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,\d*\}|[()*+?|]|.", re.DOTALL)
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


def has_nested_repeats(pattern: str) -> bool:
    """Return whether a group that repeats without bound holds a repeat without bound, as `(a+)*` does.

    A hint, read off the text: some such patterns are harmless, and some harmful ones are not such.
    """
    repeats_inside = [False]
    for token, following in _pairs(pattern):
        if token == "(":
            repeats_inside.append(False)
        elif token == ")" and len(repeats_inside) > 1:
            inner = repeats_inside.pop()
            if inner and _UNBOUNDED.fullmatch(following):
                return True
            repeats_inside[-1] |= inner
        elif _UNBOUNDED.fullmatch(token):
            repeats_inside[-1] = True
    return False


def _pairs(pattern: str) -> Iterator[tuple[str, str]]:
    tokens = _TOKEN.findall(pattern)
    return zip(tokens, [*tokens[1:], ""], strict=True)
