"""Who gives tokens to machines of Azure: the metadata service, and App Service's own address.

Sources: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

RESOURCE = "https://cognitiveservices.azure.com"


class ManagedIdentityServer(HttpServer):
    """The machine's own identity, and one that was assigned to it."""

    assigned, secret = "c3c7", "853b9a84"

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        if request.path == "/metadata/identity/oauth2/token":
            known = request.headers.get("metadata") == "true" and query.get("api-version") == "2018-02-01"
        else:
            known = request.path == "/MSI/token/" and query.get("api-version") == "2019-08-01"
            if request.headers.get("x-identity-header") != self.secret:
                return 401, {"statusCode": 401, "message": "The identity header is wrong."}
        if request.method != "GET" or not known:
            return 400, {"error": "bad_request_102", "error_description": "Required metadata header not specified"}
        if query.get("resource") != RESOURCE:
            return 400, {"error": "invalid_resource", "error_description": "AADSTS500011: no such resource"}
        if query.get("client_id", self.assigned) != self.assigned:
            return 400, {"error": "invalid_request", "error_description": "Identity not found"}
        return None

    def error(self, status: int) -> Any:
        return {"error": "unknown", "error_description": f"The server says {status}."}

    def streams(self, request: Received) -> bool:
        return False

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        self.given.append(f"eyJ0.machine-{len(self.given) + 1}")
        ends = str(int(time.time()) + 86_400)
        told = {"access_token": self.given[-1], "expires_on": ends, "resource": RESOURCE, "token_type": "Bearer"}
        return {**told, "expires_in": "86399"} if "/metadata/" in request.path else told

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        return []

    def error_event(self) -> bytes:
        return b""
