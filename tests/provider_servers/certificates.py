"""Certificates: one for 127.0.0.1 that nobody trusts but who is told to, and that of an application."""

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID


def self_signed(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context, and the file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key)
    trusted, private = directory / "trusted.pem", directory / "private.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(_pem(key, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, private)
    return context, trusted


def of_application(directory: Path, password: str) -> tuple[x509.Certificate, dict[str, Path]]:
    """Return an application's certificate, and files of it and its key: pem, locked (a PEM) and pfx."""
    key = rsa.generate_private_key(65_537, 2_048)
    certificate = _certificate(key)
    locked = serialization.BestAvailableEncryption(password.encode())
    public = certificate.public_bytes(serialization.Encoding.PEM)
    contents = {
        "pem": _pem(key, serialization.NoEncryption()) + public,
        "locked": public + _pem(key, locked),
        "pfx": pkcs12.serialize_key_and_certificates(b"app", key, certificate, None, locked),
    }
    files = {name: directory / f"app.{name}" for name in contents}
    for name, path in files.items():
        path.write_bytes(contents[name])
    return certificate, files


def _pem(key: Any, lock: serialization.KeySerializationEncryption) -> bytes:
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return pem


def _certificate(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
