"""How many pixels a picture has that is asked for by its size, "1024x1024"."""

import re

USUAL = 1024 * 1024
"""Of a picture without a size: what OpenAI makes then. https://platform.openai.com/docs/api-reference/images/create"""

MOST = 1792 * 1024
"""Of a picture whose size the model chooses: the largest that it can be without being asked for."""

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def pixels_of(size: object) -> int | None:
    """Return the pixels, None for what names no size: "auto", or nothing."""
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    return int(found[1]) * int(found[2]) if found else None
