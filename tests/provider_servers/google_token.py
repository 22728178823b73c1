"""Google's token endpoint for service accounts: the assertion's signature is checked with the account's public key.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import base64
import time
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whatever address the endpoint is reached by."""


@cache
def account_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class GoogleTokenServer(HttpServer):
    """Gives `token` number 1, 2, ... to whoever signs as its account."""

    def __init__(self, *, lifetime_s: int = 3_600) -> None:
        super().__init__()
        self.lifetime_s = lifetime_s
        self.given: list[str] = []

    @property
    def service_account(self) -> dict[str, Any]:
        """The JSON file of the account."""
        pem = account_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": "gateway@project-1.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.origin}/token",
        }

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return 400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}
        why = self._why_refused(form.get("assertion", ""))
        return (400, {"error": "invalid_grant", "error_description": why}) if why else None

    def _why_refused(self, assertion: str) -> str | None:
        signed, _, signature = assertion.rpartition(".")
        try:
            public = account_key().public_key()
            public.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return "Invalid JWT Signature."
        header, claims = (orjson.loads(_decoded(part)) for part in signed.split("."))
        if header.get("alg") != "RS256" or claims["iss"] != self.service_account["client_email"]:
            return "Invalid issuer or algorithm."
        if claims["aud"] != AUDIENCE or claims["scope"] != SCOPE:
            return "Invalid audience or scope."
        now = time.time()
        return None if claims["iat"] <= now + 60 and now < claims["exp"] <= claims["iat"] + 3_600 else "Invalid time."

    def error(self, status: int) -> Any:
        return {"error": "internal_failure", "error_description": f"The server says {status}."}

    def streams(self, request: Received) -> bool:
        return False

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        self.given.append(f"ya29.token-{len(self.given) + 1}")
        return {"access_token": self.given[-1], "expires_in": self.lifetime_s, "token_type": "Bearer"}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        return []

    def error_event(self) -> bytes:
        return b""


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
