"""The master key and the first two commands, shown once the gateway is ready."""

import os
from pathlib import Path
from typing import NamedTuple

from services.local.data_directory import DataDirectory, new_master_key
from services.local.screen import Screen

FILE = "master_key"


class MasterKey(NamedTuple):
    key: str
    kept_in: Path | None  # None: it is the operator's own
    is_new: bool


def master_key(configured: str | None, data: DataDirectory) -> MasterKey:
    """Return the configured key, else the one of the environment, else the one of the data directory."""
    given = configured or os.environ.get("METERHOUSE_MASTER_KEY")
    if given:
        return MasterKey(given, None, False)
    key, is_new = data.secret(FILE, new_master_key)
    return MasterKey(key, data.path / FILE, is_new)


def show_how_to_use(screen: Screen, master_key: MasterKey, *, url: str, model: str) -> None:
    screen.say(f"Ready after {screen.elapsed_s:.1f} s on {url}")
    if master_key.kept_in is None:
        bearer = "YOUR_MASTER_KEY"
    else:
        bearer = f"$(cat {master_key.kept_in})"
        if master_key.is_new:
            screen.block([f"Master key: {master_key.key}"])
        screen.say(f"The master key is kept in {master_key.kept_in}.")
    screen.block(
        [
            "Ask something, then what it cost:",
            "",
            f"  curl {url}/v1/chat/completions \\",
            f'    -H "Authorization: Bearer {bearer}" -H "Content-Type: application/json" \\',
            f'    -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}\'',
            "",
            f'  curl {url}/spend/logs -H "Authorization: Bearer {bearer}"',
        ]
    )
