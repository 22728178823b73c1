"""ClickHouse's Native format, as far as chDB leaves it out: chDB writes nothing at all for an empty result.

A block is: number of columns, number of rows (variable-length integers), and for each column its name, its type and
its data. A client learns the columns of an empty result from a block without rows.
https://clickhouse.com/docs/interfaces/formats/Native
"""

from collections.abc import Sequence


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """Return the block without rows for `columns`, each (name, type)."""
    parts = [_varint(len(columns)), _varint(0)]
    for name, type_name in columns:
        parts += [_text(name), _text(type_name)]
    return b"".join(parts)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogateescape")
    return _varint(len(encoded)) + encoded
