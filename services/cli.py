"""The `meterhouse` command. What a command needs is imported when it runs, so that --help does not wait for it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from services.local.failures import BadUsage, CannotStart

RUNTIME_EXIT = 1
USAGE_EXIT = 2

app = typer.Typer(
    help="Meterhouse, a self-hosted LLM gateway whose numbers can be proved.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Service(StrEnum):
    EDGE = "edge"
    POLICY = "policy"
    ROUTER = "router"
    LEDGER = "ledger"
    CLICKHOUSE = "clickhouse"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_MODULES = {
    Service.EDGE: "services.edge.__main__",
    Service.POLICY: "services.policy.__main__",
    Service.ROUTER: "services.router.__main__",
    Service.LEDGER: "services.ledger.__main__",
    Service.CLICKHOUSE: "services.ledger.embedded.process",
}


def main() -> None:
    """Run the command line; a Ctrl-C before anything listens for it is no error of the program."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"meterhouse {version()}")
        raise typer.Exit


def version() -> str:
    return metadata.version("meterhouse")


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def up(
    config: Annotated[
        Path | None,
        typer.Option(envvar="METERHOUSE_CONFIG", help="LiteLLM's config.yaml; without one, a simulated model."),
    ] = None,
    port: Annotated[
        int, typer.Option(envvar="METERHOUSE_PORT", min=1, max=65535, help="Where clients connect.")
    ] = 4000,
    host: Annotated[
        str, typer.Option(envvar="METERHOUSE_HOST", help="The address to listen on; 0.0.0.0 for all of them.")
    ] = "127.0.0.1",
    data: Annotated[
        Path, typer.Option(envvar="METERHOUSE_DATA", help="Where everything is kept; one gateway at a time.")
    ] = Path("data"),
    nats: Annotated[
        str | None, typer.Option(envvar="METERHOUSE_NATS_URL", help="Use this NATS (JetStream) instead of an own one.")
    ] = None,
    clickhouse: Annotated[
        str | None,
        typer.Option(
            envvar="METERHOUSE_CLICKHOUSE_URL",
            help="Use this ClickHouse instead of the embedded one: http://user:password@host:8123/database.",
        ),
    ] = None,
    log_level: Annotated[
        LogLevel | None,
        typer.Option(envvar="METERHOUSE_LOG_LEVEL", help="How much the services say; warning where nothing is set."),
    ] = None,
    log_json: Annotated[
        bool, typer.Option("--log-json", envvar="METERHOUSE_LOG_JSON", help="One JSON object a line.")
    ] = False,
) -> None:
    """Run a whole gateway on this machine: NATS, ClickHouse, edge, policy, router and ledger."""
    from services.local.start import Wish
    from services.local.up import up as run_all

    wish = Wish(
        config=config,
        host=host,
        port=port,
        data=data,
        nats_url=nats,
        clickhouse_url=clickhouse,
        log_level=log_level.value if log_level else None,
        log_json=log_json,
    )
    with _failures_as_sentences():
        code = run_all(wish, version())
    raise typer.Exit(code)


@app.command()
def serve(service: Annotated[Service, typer.Argument(help="Which one.")]) -> None:
    """Run one service; its settings are the METERHOUSE_* variables of docs/settings.md."""
    with _failures_as_sentences():
        code = import_module(_MODULES[service]).main()
    raise typer.Exit(code)


@app.command()
def check_config(file: Annotated[Path, typer.Argument(help="LiteLLM's config.yaml.")]) -> None:
    """Say whether a config can be used, what it serves, and which credentials are missing."""
    from services.local.config_report import config_report
    from shared.config import ConfigError, load_config

    try:
        config = load_config(file, os.environ)
    except ConfigError as error:
        _complain(str(error))
        raise typer.Exit(RUNTIME_EXIT) from None
    report = config_report(file, config, os.environ)
    print("\n".join(report.lines))
    raise typer.Exit(0 if report.usable else RUNTIME_EXIT)


@app.command()
def providers(name: Annotated[str | None, typer.Argument(help="One of them, in full.")] = None) -> None:
    """List the supported providers and what each needs: variables, settings, what it can be asked for."""
    from services.local.providers_report import UnknownProvider, provider_lines, providers_list

    try:
        lines = providers_list() if name is None else provider_lines(name)
    except UnknownProvider as error:
        _complain(str(error))
        raise typer.Exit(USAGE_EXIT) from None
    print("\n".join(lines))


@contextmanager
def _failures_as_sentences() -> Iterator[None]:
    """What an operator can put right is one sentence on stderr and an exit code; all else is a fault of ours."""
    try:
        yield
    except BadUsage as error:
        _complain(str(error))
        raise typer.Exit(USAGE_EXIT) from None
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "METERHOUSE_" + "_".join(str(part) for part in wrong["loc"]).upper()
        _complain(f"The environment variable {name} cannot be used: {wrong['msg']}.")
        raise typer.Exit(USAGE_EXIT) from None
    except CannotStart as error:
        _complain(str(error))
        raise typer.Exit(RUNTIME_EXIT) from None


def _complain(sentence: str) -> None:
    print(f"meterhouse: {sentence}", file=sys.stderr)
