import sys

import pytest

from bench import machine
from bench.children import Failed, free_port, running, tail, wait_until_200
from bench.litellm import install


def test_a_program_that_is_not_there_is_a_sentence(tmp_path):
    with (
        pytest.raises(Failed, match=r"X cannot be started: /nowhere/x: No such file"),
        running("X", ["/nowhere/x"], log=tmp_path / "log"),
    ):
        pass


def test_a_child_that_ends_too_early_is_told_with_its_last_words(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", "import sys; print('no config'); sys.exit(3)"]
    with running("X", command, log=log) as process, pytest.raises(Failed, match=r"exit code 3 .*\n    no config"):
        wait_until_200("X", f"http://127.0.0.1:{free_port()}/", process, log=log, within_s=10)


def test_a_child_that_is_never_ready_is_given_up(tmp_path):
    log = tmp_path / "log"
    with (
        running("X", ["sleep", "60"], log=log) as process,
        pytest.raises(Failed, match=r"not ready within 0.3 s \(last: no answer\)"),
    ):
        wait_until_200("X", f"http://127.0.0.1:{free_port()}/", process, log=log, within_s=0.3)
    assert process.poll() is not None


def test_a_child_that_does_not_stop_is_killed(tmp_path):
    log = tmp_path / "log"
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    with running("X", [sys.executable, "-c", stubborn], log=log, stop_within_s=0.2) as process:
        while "up" not in tail(log):
            assert process.poll() is None
    assert process.returncode == -9


def test_a_peer_that_cannot_be_installed_is_left_out(tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(Failed, match="LiteLLM is left out"):
        install(tmp_path / "file" / "litellm")


def test_the_machine_is_described_and_calibrated():
    assert "cores of" in machine.describe()
    assert "uvicorn" in machine.versions()
    assert machine.calibrate_ms() > 0
