"""The command line as an operator uses it: every way to go wrong is an exit code and one sentence."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import pytest

from services.local.data_directory import DataDirectory
from services.local.nats_server import find_nats_server
from services.local.ports import free_port
from tests.running_gateway import PROGRAM, outside_environment

USAGE, RUNTIME = 2, 1


class Told:
    """What a command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def assert_fails(self, code: int, *words: str) -> None:
        """One sentence on stderr with these words, and that exit code."""
        assert self.code == code, (self.out, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("meterhouse: ")
        for word in words:
            assert word in lines[0]


def meterhouse(*arguments: object, cwd: Path, **environment: str) -> Told:
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=outside_environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)


@contextmanager
def taken_port(greeting: bytes = b"") -> Iterator[int]:
    """A port somebody listens on; whoever connects is greeted."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(greeting)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    told = meterhouse("--version", cwd=tmp_path)
    assert (told.code, told.out) == (0, f"meterhouse {metadata.version('meterhouse')}\n")


def test_without_a_command_the_commands_are_listed(tmp_path: Path) -> None:
    told = meterhouse(cwd=tmp_path)
    assert told.code == USAGE
    for command in ("up", "serve", "check-config"):
        assert f"  {command} " in told.out + told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("start",),
        ("up", "--nowhere"),
        ("up", "--port", "0"),
        ("up", "--port", "65536"),
        ("up", "--port", "four"),
        ("up", "--log-level", "loud"),
        ("serve",),
        ("serve", "console"),
        ("check-config",),
    ],
)
def test_a_wrong_command_line_is_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = meterhouse(*arguments, cwd=tmp_path)
    assert told.code == USAGE
    assert "Error: " in told.err
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("up", "--config"), ("check-config",)])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ("no such file",)),
        ("model_list: [", ("config.yaml", "not valid YAML")),
        ("- a\n- b\n", ("config.yaml",)),
        ("general_settings:\n  max_request_size_mb: many\n", ("general_settings.max_request_size_mb",)),
        ("model_list:\n  - litellm_params: {model: openai/x}\n", ("model_list[0].model_name",)),
        ("general_settings: {master_key: os.environ/NOT_SET}\n", ("general_settings.master_key", "NOT_SET")),
    ],
)
def test_a_config_that_cannot_be_used_stops_everything_with_one_sentence(
    tmp_path: Path, command: tuple[str, ...], text: str | None, words: tuple[str, ...]
) -> None:
    if text is not None:
        (tmp_path / "config.yaml").write_text(text)
    told = meterhouse(*command, "config.yaml", cwd=tmp_path)
    told.assert_fails(USAGE if command[0] == "up" else RUNTIME, "config.yaml", *words)
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with taken_port() as port:
        told = meterhouse("up", "--port", port, cwd=tmp_path)
    told.assert_fails(RUNTIME, f"Port {port} on 127.0.0.1 is in use", "--port")


def test_a_host_that_is_not_this_machine_is_named(tmp_path: Path) -> None:
    told = meterhouse("up", "--host", "192.0.2.1", "--port", free_port(), cwd=tmp_path)
    told.assert_fails(RUNTIME, "192.0.2.1", "Cannot assign requested address")


def test_a_data_directory_in_use_is_named_with_its_owner(tmp_path: Path) -> None:
    held = DataDirectory.open(tmp_path / "data")
    try:
        told = meterhouse("up", "--port", free_port(), cwd=tmp_path)
    finally:
        held.close()
    told.assert_fails(RUNTIME, "The data directory data is in use", f"process {os.getpid()}", "--data")


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = meterhouse("up", "--data", "file/data", "--port", free_port(), cwd=tmp_path)
    told.assert_fails(RUNTIME, "The data directory file/data cannot be written", "--data")


def test_a_nats_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    told = meterhouse("up", "--nats", f"nats://me:secret@127.0.0.1:{port}", "--port", free_port(), cwd=tmp_path)
    told.assert_fails(RUNTIME, f"No NATS server answers at nats://127.0.0.1:{port}")
    assert "secret" not in told.err + told.out


def test_a_server_that_is_not_nats_is_not_taken_for_it(tmp_path: Path) -> None:
    with taken_port(b"220 mail ready\r\n") as port:
        url = f"nats://127.0.0.1:{port}"
        told = meterhouse("up", "--port", free_port(), cwd=tmp_path, METERHOUSE_NATS_URL=url)
    told.assert_fails(RUNTIME, f"No NATS server answers at {url}")


def test_a_nats_server_without_jetstream_is_told_apart(tmp_path: Path) -> None:
    port = free_port()
    server = subprocess.Popen(
        [find_nats_server().path, "-a", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        told = meterhouse("up", "--nats", f"127.0.0.1:{port}", "--port", free_port(), cwd=tmp_path)
    finally:
        server.terminate()
        server.wait(10)
    told.assert_fails(RUNTIME, "without JetStream", "-js")


def test_a_clickhouse_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://me:secret@127.0.0.1:{port}/spend"
    told = meterhouse("up", "--clickhouse", url, "--port", free_port(), cwd=tmp_path)
    told.assert_fails(RUNTIME, f"No ClickHouse answers at http://127.0.0.1:{port}")
    assert "secret" not in told.err + told.out


def test_a_clickhouse_url_of_another_kind_is_refused(tmp_path: Path) -> None:
    told = meterhouse("up", "--clickhouse", "tcp://127.0.0.1:9000", "--port", free_port(), cwd=tmp_path)
    told.assert_fails(USAGE, "tcp://127.0.0.1:9000", "http://user:password@host:8123/database")


def test_nothing_keeps_running_after_a_start_that_failed(tmp_path: Path) -> None:
    port = free_port()
    told = meterhouse("up", "--clickhouse", f"http://127.0.0.1:{port}", "--port", free_port(), cwd=tmp_path)
    assert told.code == RUNTIME
    DataDirectory.open(tmp_path / "data").close()  # nats-server would hold the lock


@pytest.mark.parametrize("service", ["edge", "policy", "router", "ledger"])
def test_a_service_with_a_broken_config_says_so(tmp_path: Path, service: str) -> None:
    told = meterhouse("serve", service, cwd=tmp_path, METERHOUSE_CONFIG=str(tmp_path / "config.yaml"))
    assert told.code == USAGE
    (line,) = told.err.splitlines()
    assert "config.yaml: there is no such file" in line
    assert f"service={service}" in line


def test_a_service_names_the_variable_it_cannot_use(tmp_path: Path) -> None:
    told = meterhouse("serve", "edge", cwd=tmp_path, METERHOUSE_PORT="four")
    told.assert_fails(USAGE, "METERHOUSE_PORT")


def test_check_config_says_what_each_deployment_waits_for(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        """
        model_list:
          - model_name: gpt-4
            litellm_params: {model: azure/gpt-4, api_base: https://my-azure.openai.azure.com}
          - model_name: gpt-4
            litellm_params: {model: openai/gpt-4}
          - model_name: fast
            litellm_params: {model: groq/llama-3.1-8b-instant, api_key: os.environ/MY_GROQ_KEY}
          - model_name: demo
            litellm_params: {model: simulated/echo}
        litellm_settings: {drop_parms: true}
        """
    )
    told = meterhouse("check-config", "config.yaml", cwd=tmp_path, OPENAI_API_KEY="sk-openai")
    assert told.code == 0
    assert told.err == ""
    lines = told.out.splitlines()
    assert lines[0] == "config.yaml is valid: 3 models, 4 deployments."
    states = {tuple(line.split()[:2]): line for line in lines[3:7]}
    assert "AZURE_API_KEY" in states["gpt-4", "azure/gpt-4"]
    assert states["gpt-4", "openai/gpt-4"].endswith(" ready")
    assert "MY_GROQ_KEY" in states["fast", "groq/llama-3.1-8b-instant"]
    assert states["demo", "simulated/echo"].endswith(" ready")
    assert any("drop_parms" in line for line in lines if line.startswith("Warning: "))
    assert "sk-openai" not in told.out


def test_check_config_fails_where_no_adapter_serves_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model_list: [{model_name: a, litellm_params: {model: nobody/x}}]")
    told = meterhouse("check-config", "config.yaml", cwd=tmp_path)
    assert told.code == RUNTIME
    assert "no adapter for the provider nobody" in told.out


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"nobody listens on {port}")
