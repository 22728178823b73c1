"""Where realtime sessions lead: to OpenAI and Azure, behind TLS and a proxy; and who gives out Azure's tokens."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.provider_servers import EntraServer
from tests.provider_servers.certificates import self_signed
from tests.provider_servers.in_thread import served_in_thread
from tests.provider_servers.proxy import ProxyServer
from tests.provider_servers.realtime import RealtimeServer

PROXY_USER = "ann:pass"
TOKEN = "eyJ0.given-by-the-operator"
DATED = "2025-04-01-preview"
_AZURE = {"model": "azure/voice", "input_cost_per_token": 4e-6, "output_cost_per_token": 16e-6}


class Speakers:
    """`plain` speaks for OpenAI and for Azure, `tls` and `tunnelled` behind certificates that the gateway trusts, the
    second behind the proxy; `stranger` has a certificate that nobody trusts.
    """

    def __init__(self, directory: Path) -> None:
        trusted, self._authority = self_signed(_made(directory / "trusted"))
        unknown, _ = self_signed(_made(directory / "unknown"))
        self.plain = RealtimeServer()
        self.tls, self.tunnelled, self.stranger = _server(trusted), _server(trusted), _server(unknown)
        self.entra = EntraServer()
        self.proxy = ProxyServer(user=PROXY_USER)
        self.plain.tokens = self.entra.given
        self.entra.given.append(TOKEN)

    @contextmanager
    def running(self) -> Iterator[Self]:
        with (
            served_in_thread([self.entra, self.proxy]),
            self.plain.running(),
            self.tls.running(),
            self.tunnelled.running(),
            self.stranger.running(),
        ):
            yield self

    def deployments(self) -> list[dict[str, Any]]:
        """Return the rows of `model_list` that open sessions with them."""
        plain = {"model": "openai/gpt-realtime", "api_base": self.plain.url, "api_key": self.plain.key}
        azure = {**_AZURE, "api_base": self.plain.origin}
        entra = {"tenant_id": EntraServer.tenant, "client_id": EntraServer.client_id}
        rows: dict[str, dict[str, Any]] = {
            "talk": plain,
            "talk-nowhere": {**plain, "model": "openai/no-such-model"},
            "talk-azure": {**azure, "api_key": self.plain.key},
            "talk-azure-v1": {**azure, "api_base": f"{self.plain.origin}/openai/v1", "api_key": self.plain.key},
            "talk-azure-dated": {**azure, "api_version": DATED, "api_key": self.plain.key},
            "talk-azure-token": {**azure, "api_version": DATED, "azure_ad_token": TOKEN},
            "talk-azure-entra": {**azure, **entra, "client_secret": EntraServer.secret},
            "talk-azure-refused": {**azure, "api_key": "az-wrong"},
            "talk-azure-nobody": {**azure, "model": "azure/no-such-model", "api_key": self.plain.key},
            "talk-tls": {**plain, "api_base": self.tls.url},
            "talk-tunnelled": {**plain, "api_base": self.tunnelled.url},
            "talk-stranger": {**plain, "api_base": self.stranger.url},
        }
        return [{"model_name": name, "litellm_params": params} for name, params in rows.items()]

    def variables(self) -> dict[str, str]:
        """Return the environment of a gateway that finds the way."""
        return {
            "AZURE_AUTHORITY_HOST": self.entra.origin,
            "SSL_CERT_FILE": str(self._authority),
            "HTTPS_PROXY": f"http://{PROXY_USER}@{self.proxy.address}",
            "NO_PROXY": f"127.0.0.1:{self.tls.port},127.0.0.1:{self.stranger.port}",
        }


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _server(tls: ssl.SSLContext) -> RealtimeServer:
    return RealtimeServer(tls=tls)
