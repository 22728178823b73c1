"""The tokenizer of OpenAI's newer models (o200k), and what other companies' tokenizers make of its tokens at most.

`weights.bin` has one byte for each of o200k's tokens: the most tokens that any of ten other tokenizers needs for the
same text. Their sum over a text bounds what each of them counts, which tests/contract/tokenizers proves on recorded
counts. It is made by tests/contract/tokenizers/record.py.
"""

import warnings
import zlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpe_openai import Encoding

PIECE_LETTERS = 50_000
"""Of a text, at once: the tokenizer refuses a million letters, and holds the interpreter while it counts."""


def count(text: str) -> int:
    """Return how many tokens o200k makes of `text`; it takes about 0.1 ms for 1,000."""
    return sum(map(len, _pieces(text)))


def most(text: str) -> int:
    """Return a bound of the tokens that any tokenizer makes of `text`, see above for which."""
    weight = _weights().__getitem__
    return sum(sum(map(weight, tokens)) for tokens in _pieces(text))


def beginning(text: str, tokens: int) -> str:
    """Return the first `tokens` tokens of `text` as text, without a letter that they hold only in part."""
    found: list[int] = []
    for piece in _pieces(text):
        found += piece
        if len(found) >= tokens:
            break
    data: bytes = _encoding().decode_bytes(found[: max(0, tokens)])
    return data.decode("utf-8", "ignore")


def is_loaded() -> bool:
    """Whether counting begins at once: the first time takes half a second and 140 MB of memory."""
    return _encoding.cache_info().currsize > 0


def _pieces(text: str) -> Iterator[list[int]]:
    encode = _encoding().encode_ordinary
    for start in range(0, len(text), PIECE_LETTERS):
        yield encode(text[start : start + PIECE_LETTERS])


@cache
def _encoding() -> "Encoding":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it reads its vocabulary in an old way
        from bpe_openai import get_encoding

    return get_encoding("o200k_base")


@cache
def _weights() -> bytes:
    return zlib.decompress(resources.files("shared.tokens").joinpath("weights.bin").read_bytes())
