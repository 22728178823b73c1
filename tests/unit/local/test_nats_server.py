import subprocess
from pathlib import Path

import pytest

from services.local import nats_server
from services.local.data_directory import DataDirectory
from services.local.failures import CannotStart
from services.local.nats_server import find_nats_server, url_for, write_config
from services.local.ports import free_port


def fake(directory: Path, version: str) -> Path:
    program = directory / "nats-server"
    program.write_text(f"#!/bin/sh\necho 'nats-server: v{version}'\n")
    program.chmod(0o755)
    return program


def test_the_one_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake(tmp_path, "2.12.3")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_nats_server() == (program, "2.12.3")


@pytest.mark.parametrize("version", ["2.11.9", "1.4.0", "unknown"])
def test_one_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    program = fake(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_nats_server()
    assert found.path != program
    assert tuple(int(number) for number in found.version.split(".")) >= nats_server.OLDEST


def test_the_package_s_is_found_where_nothing_is_beside_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert find_nats_server().path.is_file()


def test_where_there_is_none_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "2.9.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setattr(nats_server, "PACKAGE", "no-such-package")
    with pytest.raises(CannotStart, match=r"No nats-server 2\.12 or newer was found \(.*is 2\.9\.1\).*--nats"):
        find_nats_server()


def test_the_server_accepts_the_configuration_whatever_the_directory_is_called(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / 'a "strange" näme \\ $HOME')
    config = write_config(data, port=free_port(), password="secret")
    told = subprocess.run(
        [find_nats_server().path, "-t", "--config", config], capture_output=True, text=True, timeout=30, check=False
    )
    data.close()
    assert told.returncode == 0, told.stderr
    assert config.stat().st_mode & 0o777 == 0o600


def test_the_url_carries_the_credentials() -> None:
    assert url_for(4222, "secret") == "nats://meterhouse:secret@127.0.0.1:4222"
