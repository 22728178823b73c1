"""compose.yaml and the image, which not every machine can run, compared with the code and the files they rest on."""

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic_settings import BaseSettings

from services.cli import app
from services.edge.settings import EdgeSettings
from services.local.nats_server import MAX_PAYLOAD, find_nats_server
from services.router.settings import RouterSettings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "meterhouse" in service.get("command", ()))
SETTINGS = {
    "edge": "services.edge.settings",
    "policy": "services.policy.settings",
    "router": "services.router.settings",
    "ledger": "services.ledger.settings",
}
FOR_THE_CONFIG = {"METERHOUSE_MASTER_KEY"}  # every service reads the config, and that may refer to it
IMAGE_VARIABLES = {"CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD", "CLICKHOUSE_DB"}  # of clickhouse/clickhouse-server
REFERENCE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\}")


def settings_of(service: str) -> set[str]:
    """The METERHOUSE_ variables that a service's settings class reads."""
    module = import_module(SETTINGS[service])
    classes = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, BaseSettings) and thing.__module__ == module.__name__
    ]
    return {f"METERHOUSE_{field.upper()}" for each in classes for field in each.model_fields}


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)


def with_defaults(text: str) -> str:
    return REFERENCE.sub(lambda found: found["rest"] if found["kind"] == ":-" else "x", text)


def parse_command(arguments: list[str]) -> None:
    """Parse a command line as the program does, without running it; a wrong one raises."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("meterhouse", list(arguments))
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(name, rest, parent=context)


def test_every_service_is_there_and_nothing_else() -> None:
    assert sorted(SETTINGS) == OURS
    assert sorted(SERVICES) == sorted([*SETTINGS, "nats", "clickhouse"])


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_started_by_a_command_that_exists(service: str) -> None:
    program, *arguments = SERVICES[service]["command"]
    assert program == "meterhouse"
    assert arguments == ["serve", service]
    parse_command(arguments)


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(Exception, match="nobody"):
        parse_command(["serve", "nobody"])


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_told_what_it_reads(service: str) -> None:
    told = set(SERVICES[service]["environment"])
    assert told - FOR_THE_CONFIG <= settings_of(service)
    assert "METERHOUSE_MASTER_KEY" in told


@pytest.mark.parametrize("service", OURS)
def test_settings_can_be_made_of_what_a_service_is_told(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES[service]["environment"].items():
        monkeypatch.setenv(name, with_defaults(str(value)))
    module = import_module(SETTINGS[service])
    for thing in list(vars(module).values()):
        if isinstance(thing, type) and issubclass(thing, BaseSettings) and thing.__module__ == module.__name__:
            thing()


def test_the_clickhouse_image_is_told_only_what_it_reads() -> None:
    assert set(SERVICES["clickhouse"]["environment"]) <= IMAGE_VARIABLES


def test_every_variable_has_a_default_or_must_be_set() -> None:
    required = set()
    optional = set()
    for text in texts(COMPOSE):
        for found in REFERENCE.finditer(text):
            if found["kind"] == ":-":
                optional.add(found["name"])
            elif found["kind"] == ":?":
                required.add(found["name"])
    bare = {found["name"] for text in texts(COMPOSE) for found in REFERENCE.finditer(text) if not found["kind"]}
    assert required == {"METERHOUSE_MASTER_KEY", "CLICKHOUSE_PASSWORD"}
    assert bare <= required
    assert not required & optional


def test_every_variable_is_explained() -> None:
    page = (ROOT / "docs/deployment.md").read_text()
    names = {found["name"] for text in texts(COMPOSE) for found in REFERENCE.finditer(text)}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|KEY|SECRET|TOKEN", name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]*\}", value), name
    for url in (text for text in texts(COMPOSE) if "://" in text and "@" in text):
        assert re.search(r"://\$\{\w+(:-\w+)?\}:\$\{\w+\}@", url), url


def test_every_file_that_is_mounted_or_copied_exists() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = with_defaults(volume).split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file(), source
            else:
                assert source in COMPOSE["volumes"]
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in (ROOT / "deploy/Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored, f"{source} does not get into the build"


def test_everything_waited_for_exists_and_can_be_healthy() -> None:
    for service in SERVICES.values():
        for name, condition in (service.get("depends_on") or {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]


def test_addresses_lead_to_services_and_their_ports() -> None:
    ports = {"nats": _nats_port(), "clickhouse": 8123}  # 8123: ClickHouse's own default for HTTP
    for service in OURS:
        environment = SERVICES[service]["environment"]
        for name, value in environment.items():
            for host, port in re.findall(r"://(?:[^@/]*@)?([a-z]+):(\d+)", with_defaults(str(value))):
                assert ports[host] == int(port), name
    edge = SERVICES["edge"]
    port = edge["environment"]["METERHOUSE_PORT"]
    assert edge["environment"]["METERHOUSE_HOST"] == "0.0.0.0"
    assert [with_defaults(text) for text in edge["ports"]] == [f"127.0.0.1:4000:{port}"]
    assert f"127.0.0.1:{port}/health/readiness" in " ".join(edge["healthcheck"]["test"])
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["edge"]


def test_the_program_in_the_health_check_of_edge_is_python() -> None:
    *command, program = SERVICES["edge"]["healthcheck"]["test"]
    assert command == ["CMD", "python", "-c"]
    compile(program, "healthcheck", "exec")


def test_the_image_starts_a_command_that_exists() -> None:
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    command = yaml.safe_load(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))
    assert command[0] == "meterhouse"
    parse_command(command[1:])


def test_nats_accepts_its_configuration() -> None:
    told = subprocess.run(
        [find_nats_server().path, "-t", "--config", ROOT / "deploy/nats.conf"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert f"max_payload: {MAX_PAYLOAD}" in (ROOT / "deploy/nats.conf").read_text()


@pytest.mark.parametrize(("service", "settings"), [("edge", EdgeSettings), ("router", RouterSettings)])
def test_a_service_gets_longer_to_stop_than_it_takes_to_drain(service: str, settings: type[Any]) -> None:
    assert float(SERVICES[service]["stop_grace_period"].rstrip("s")) > settings().drain_s + 5


def _nats_port() -> int:
    found = re.search(r"^port: (\d+)", (ROOT / "deploy/nats.conf").read_text(), re.MULTILINE)
    assert found
    return int(found[1])
