"""NATS message headers as the bytes they travel as."""


def header_block(*, msg_id: str = "", expected_last: int | None = None, others: dict[str, str] | None = None) -> bytes:
    """Return a complete NATS header block, or b"" when there is nothing to say."""
    lines = []
    if msg_id:
        lines.append(f"Nats-Msg-Id: {msg_id}\r\n")
    if expected_last is not None:
        lines.append(f"Nats-Expected-Last-Subject-Sequence: {expected_last}\r\n")
    if others:
        lines.extend([f"{name}: {value}\r\n" for name, value in others.items()])
    return f"NATS/1.0\r\n{''.join(lines)}\r\n".encode() if lines else b""


def header_value(headers: bytes, name: str) -> str | None:
    """Return the value of header `name` in a raw block, or None."""
    marker = f"\r\n{name}: ".encode()
    start = headers.find(marker)
    if start < 0:
        return None
    start += len(marker)
    return headers[start : headers.index(b"\r\n", start)].decode()
