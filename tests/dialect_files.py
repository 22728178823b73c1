"""The translations between dialects kept under tests/contract/dialects, each with the page it is from."""

import json
from pathlib import Path
from typing import Any

_FILES = Path(__file__).parent / "contract" / "dialects"


def dialect_files(dialect: str, kind: str) -> list[dict[str, Any]]:
    """Return the files of one kind (request, response, stream), each with its `name`."""
    paths = sorted((_FILES / dialect).glob(f"{kind}_*.json"))
    assert paths, f"no golden files of kind {kind}"
    return [{"name": path.stem, **json.loads(path.read_text(encoding="utf-8"))} for path in paths]


def events_in(data: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream; each must be named for what it is, where it has a name."""
    events = []
    for block in data.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line)
        if lines:
            event = json.loads(lines["data"])
            assert lines.get("event", event.get("type")) == event.get("type")
            events.append(event)
    return events


def as_stream(chunks: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
