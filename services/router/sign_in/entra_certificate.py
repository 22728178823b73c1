"""An application that proves itself to Entra ID with a certificate: a statement signed with its private key.

Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import re
import uuid
from pathlib import Path
from typing import Any

import orjson

LIFETIME_S = 600
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class BadCertificate(Exception):
    """The file cannot be read, or has no certificate with an RSA key; the text says which."""


def signed_statement(path: str, password: str | None, client_id: str, audience: str, *, now: int) -> str:
    """Return the JWT for the token endpoint `audience`. The file is PEM, both parts in it, or PKCS #12; this blocks.

    Raises:
        BadCertificate
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key, certificate = _loaded(path, password)
    header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _base64url(certificate.fingerprint(hashes.SHA256()))}
    claims = {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_S,
    }
    text = f"{_base64url(orjson.dumps(header))}.{_base64url(orjson.dumps(claims))}"
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    return f"{text}.{_base64url(key.sign(text.encode(), pss, hashes.SHA256()))}"


def _loaded(path: str, password: str | None) -> tuple[Any, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadCertificate(f"cannot be read: {error}") from error
    secret = password.encode() if password else None
    try:
        if b"-----BEGIN" in content:
            found = _CERTIFICATE.search(content)
            key: Any = load_pem_private_key(content, secret)
            certificate = x509.load_pem_x509_certificate(found[0]) if found else None
        else:
            key, certificate, _ = pkcs12.load_key_and_certificates(content, secret)
    except (ValueError, TypeError) as error:  # TypeError: a password where none is needed, or none where one is
        raise BadCertificate(f"is no PEM and no PKCS #12 that can be opened: {error}") from error
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey):
        raise BadCertificate("must hold a certificate and its RSA private key")
    return key, certificate


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
