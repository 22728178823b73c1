"""The one way a configuration can be refused."""

from pathlib import Path


class ConfigError(Exception):
    """The configuration cannot be used: one sentence with the file, the setting's path and the remedy."""

    def __init__(self, path: Path | None, message: str) -> None:
        """`path` is the file that is wrong, None where the configuration did not come from a file."""
        super().__init__(f"{path}: {message}" if path is not None else message)
        self.path = path
        self.message = message
