"""The translations kept under tests/contract/providers: what goes in, what comes out, and the page it is from."""

import json
from pathlib import Path
from typing import Any

_FILES = Path(__file__).parent / "contract" / "providers"


def golden(provider: str, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_FILES / provider / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def golden_names(provider: str, kind: str) -> list[str]:
    names = sorted(path.stem for path in (_FILES / provider).glob(f"{kind}_*.json"))
    assert names, f"no golden files of kind {kind}"
    return names
