"""Providers that hold realtime sessions over a WebSocket, in the events of OpenAI's Realtime API."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from shared.serving.deployments import Deployment


class SocketCall(NamedTuple):
    """Where the session is: a ws:// or wss:// address, and the headers of the handshake."""

    url: str
    headers: dict[str, str]


class SpeaksRealtime(ABC):
    """The base of providers that have such sessions."""

    @abstractmethod
    def realtime(self, deployment: Deployment) -> SocketCall | None:
        """Return where the deployment's sessions are, None where it has none.

        Raises:
            CredentialMissing
        """


def socket_address(url: str) -> str:
    """Return the address of a WebSocket beside an http(s) one."""
    return "ws" + url.removeprefix("http") if url.startswith("http") else url


def socket_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return what of a call's headers belongs to a handshake, which has no body."""
    return {name: value for name, value in headers.items() if name != "content-type"}
