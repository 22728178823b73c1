"""Microsoft's Entra ID: the token endpoint for applications, users and federated identities.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

SCOPE = "https://cognitiveservices.azure.com/.default"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class EntraServer(HttpServer):
    """Knows one application of the tenant `contoso`, one user and one federated identity."""

    tenant, client_id, secret = "contoso", "app-1", "app~secret"
    user, password, federated = "ann@contoso.example", "pa ss&word", "eyJmZWQ"

    def __init__(self, *, lifetime_s: int = 3_599) -> None:
        super().__init__()
        self.lifetime_s = lifetime_s
        self.given: list[str] = []

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path != f"/{self.tenant}/oauth2/v2.0/token":
            return 400, _error("invalid_request", "AADSTS90002: Tenant was not found.")
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        if form.get("client_id") != self.client_id:
            return 400, _error("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if form.get("scope") != SCOPE:
            return 400, _error("invalid_scope", "AADSTS70011: The provided value for scope is not valid.")
        by_secret = form.get("client_secret") == self.secret
        by_assertion = (form.get("client_assertion_type"), form.get("client_assertion")) == (_ASSERTION, self.federated)
        by_user = (form.get("username"), form.get("password")) == (self.user, self.password)
        accepted = {"client_credentials": by_secret or by_assertion, "password": by_user}
        if not accepted.get(form.get("grant_type", "")):
            return 401, _error("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return None

    def error(self, status: int) -> Any:
        return _error("temporarily_unavailable", f"The server says {status}.")

    def streams(self, request: Received) -> bool:
        return False

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        self.given.append(f"eyJ0.token-{len(self.given) + 1}")
        return {
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "ext_expires_in": self.lifetime_s,
            "access_token": self.given[-1],
        }

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        return []

    def error_event(self) -> bytes:
        return b""


def _error(kind: str, text: str) -> dict[str, Any]:
    return {"error": kind, "error_description": text, "error_codes": [1], "correlation_id": "c"}
