"""The data directory of an embedded gateway: one owner at a time, and the secrets it keeps.

    lock              who holds the directory
    master_key        generated when neither the config nor the environment has one
    nats.json         {"url"}: for any NATS client
    clickhouse.json   {"url", "user", "password", "database"}: for any ClickHouse HTTP client
    nats/             JetStream's files, nats-server's configuration and log
    clickhouse/       the database

Files with secrets are readable by their owner only.
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from services.local.failures import CannotStart

RELEASE_WAIT_S = 5.0  # how long the children of a killed supervisor may take to be gone


class DataDirectory:
    """Locked from `open` to `close`, and beyond it by any process that `lock` was handed on to."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    @classmethod
    def open(cls, path: Path) -> "DataDirectory":
        """Create the directory if it is not there, and take its lock.

        Raises:
            CannotStart: another gateway uses it, or it cannot be written.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(
                f"The data directory {path} cannot be written ({error.strerror}): choose another with --data."
            ) from None
        try:
            _take(lock, path)
        except BaseException:
            os.close(lock)
            raise
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return cls(path, lock)

    def close(self) -> None:
        os.close(self.lock)

    def secret(self, name: str, make: Callable[[], str]) -> tuple[str, bool]:
        """Return the secret kept in file `name`, and whether it was made just now."""
        try:
            kept = (self.path / name).read_text().strip()
        except FileNotFoundError:
            kept = ""
        if kept:
            return kept, False
        made = make()
        self.write_private(name, made + "\n")
        return made, True

    def read_access(self, name: str) -> dict[str, str]:
        """Return what `write_access` wrote last; empty when there is nothing readable."""
        try:
            access = json.loads((self.path / name).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return access if isinstance(access, dict) else {}

    def write_access(self, name: str, access: Mapping[str, str]) -> None:
        self.write_private(name, json.dumps(access, indent=2) + "\n")

    def write_private(self, name: str, text: str) -> Path:
        """Replace a file as a whole, mode 0600."""
        target = self.path / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = target.with_name(target.name + ".new")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        return target


def new_master_key() -> str:
    return "sk-" + secrets.token_urlsafe(24)


def new_password() -> str:
    return secrets.token_hex(16)


def _take(lock: int, path: Path) -> None:
    """Lock the file, waiting a little where its holder has died and its children are still going."""
    give_up = time.monotonic() + RELEASE_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            if _is_alive(holder) or time.monotonic() > give_up:
                raise CannotStart(
                    f"The data directory {path} is in use by another gateway (process {holder or 'unknown'}): "
                    "stop that one, or choose another directory with --data."
                ) from None
            time.sleep(0.05)
        except OSError as error:
            raise CannotStart(
                f"The data directory {path} cannot be locked ({error.strerror}): choose a local one with --data."
            ) from None
        else:
            return


def _is_alive(holder: str) -> bool:
    if not holder.isdigit():
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
