"""The data directory: one owner, secrets that stay and that nobody else can read."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from services.local.data_directory import DataDirectory, new_master_key, new_password
from services.local.failures import CannotStart


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "a" / "data")
    assert mode_of(tmp_path / "a" / "data") == 0o700
    data.close()


def test_a_second_owner_is_refused_until_the_first_has_left(tmp_path: Path) -> None:
    first = DataDirectory.open(tmp_path)
    with pytest.raises(CannotStart, match=f"in use by another gateway \\(process {os.getpid()}\\)"):
        DataDirectory.open(tmp_path)
    first.close()
    DataDirectory.open(tmp_path).close()


def test_a_process_that_was_handed_the_lock_keeps_it(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path)
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(data.lock,))
    data.close()
    try:
        with pytest.raises(CannotStart, match="in use"):
            DataDirectory.open(tmp_path)
    finally:
        heir.communicate(b"\n", timeout=10)
    DataDirectory.open(tmp_path).close()


def test_the_children_of_a_dead_owner_are_waited_for(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path)
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(data.lock,))
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    os.ftruncate(data.lock, 0)
    os.pwrite(data.lock, dead.stdout.strip(), 0)
    data.close()
    with ThreadPoolExecutor(1) as threads:
        opening = threads.submit(DataDirectory.open, tmp_path)
        try:
            assert not wait([opening], timeout=0.2).done
        finally:
            heir.communicate(b"\n", timeout=10)
        opening.result(timeout=10).close()


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path)
    made, is_new = data.secret("master_key", new_master_key)
    assert is_new
    assert made.startswith("sk-")
    assert len(made) >= 32
    assert data.secret("master_key", new_master_key) == (made, False)
    assert mode_of(tmp_path / "master_key") == 0o600
    data.close()


def test_an_empty_secret_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "master_key").write_text("\n")
    data = DataDirectory.open(tmp_path)
    assert data.secret("master_key", lambda: "sk-new") == ("sk-new", True)
    data.close()


def test_an_access_file_is_read_back_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path)
    access = {"url": "http://127.0.0.1:1", "password": new_password()}
    data.write_access("clickhouse.json", access)
    assert data.read_access("clickhouse.json") == access
    assert mode_of(tmp_path / "clickhouse.json") == 0o600
    assert json.loads((tmp_path / "clickhouse.json").read_text()) == access
    data.close()


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3"])
def test_an_access_file_that_is_not_one_counts_as_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "nats.json").write_text(text)
    data = DataDirectory.open(tmp_path)
    assert data.read_access("nats.json") == {}
    data.close()


def test_a_file_with_a_wider_mode_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    (tmp_path / "nats.json").write_text("{}")
    (tmp_path / "nats.json").chmod(0o644)
    data = DataDirectory.open(tmp_path)
    data.write_access("nats.json", {"url": "nats://127.0.0.1:1"})
    assert mode_of(tmp_path / "nats.json") == 0o600
    data.close()


def test_passwords_and_keys_are_never_the_same_twice() -> None:
    assert len({new_password() for _ in range(100)} | {new_master_key() for _ in range(100)}) == 200
