"""LiteLLM Proxy under the same load: from PyPI in an environment of its own, one worker, master key, no database.

It then does less than Meterhouse: it checks a key, routes and counts the cost, but keeps no budget and stores nothing.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.cases import config_models
from bench.children import LOOPBACK, Failed, free_port, running, wait_until_200
from bench.measure import ROOT, Target

VERSION = "1.106.2"
ENVIRONMENT = ROOT / ".bench" / "litellm"
_INSTALL_WITHIN_S = 900
_READY_WITHIN_S = 180.0
_MASTER_KEY = "sk-bench-master-key"


def install(environment: Path = ENVIRONMENT) -> str:
    """Return the version in the virtual environment, installed there first if there is none.

    Raises:
        Failed: it cannot be installed.
    """
    found = _installed(environment)
    if found:
        return found
    python = environment / "bin" / "python"
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(environment)])
        for requirement in (f"litellm[proxy]=={VERSION}", "litellm[proxy]"):
            with contextlib.suppress(subprocess.CalledProcessError):
                _run([str(python), "-m", "pip", "install", "--quiet", "--no-input", requirement])
                break
    except (OSError, subprocess.SubprocessError) as error:
        raise Failed(f"LiteLLM is left out: its environment cannot be made ({type(error).__name__}).") from None
    found = _installed(environment)
    if not found:
        raise Failed("LiteLLM is left out: litellm[proxy] cannot be installed with pip.")
    return found


@contextlib.contextmanager
def litellm(work: Path, upstream_url: str) -> Iterator[Target]:
    """Run the proxy while the block runs.

    Raises:
        Failed: it did not become ready; with the end of its log.
    """
    config, log = work / "litellm.yaml", work / "litellm.log"
    settings = {
        "model_list": config_models(upstream_url),
        "general_settings": {"master_key": _MASTER_KEY},
        # Else it asks OpenAI's Responses API for Anthropic's dialect; the upstream has the one that Meterhouse asks.
        "litellm_settings": {"use_chat_completions_url_for_anthropic_messages": True},
    }
    config.write_text(yaml.safe_dump(settings))
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    program = ENVIRONMENT / "bin" / "litellm"
    command: list[str | Path] = [
        program,
        "--config",
        config,
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LITELLM_", "DATABASE_"))},
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # prices from the package: nothing is fetched
    }
    with running("LiteLLM", command, log=log, cwd=work, environment=environment, stop_within_s=15.0) as process:
        wait_until_200("LiteLLM", f"{url}/health/liveliness", process, log=log, within_s=_READY_WITHIN_S)
        yield Target(
            name="LiteLLM",
            url=url,
            keys={"bench": _MASTER_KEY},
            pid=process.pid,
            role_of=lambda command: None,
            main_role="litellm",
            behind=lambda answered: 0,
        )


def _installed(environment: Path) -> str:
    """Return the installed version, empty when there is none."""
    question = "import importlib.metadata as m; print(m.version('litellm'))"
    try:
        told = subprocess.run(
            [str(environment / "bin" / "python"), "-c", question],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except OSError:
        return ""
    program = environment / "bin" / "litellm"
    return told.stdout.strip() if told.returncode == 0 and program.exists() else ""


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_WITHIN_S)
