"""AWS's signature, version 4, checked as a server checks it: written from its documentation, without AWS's libraries.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tests.provider_servers.http_server import Received

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[\w-]+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request, "
    r"SignedHeaders=(?P<headers>[\w;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def why_refused(
    request: Received, *, key: str, secret: str, token: str | None, service: str, region: str | None = None
) -> str | None:
    """Return what is wrong with the request's signature, None if nothing is. `region` None: any."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "the authorization header has another form"
    if found["key"] != key:
        return "the access key is unknown"
    if found["service"] != service or (region is not None and found["region"] != region):
        return f"signed for {found['service']} in {found['region']}"
    if request.headers.get("x-amz-security-token") != token:
        return "the session token is another"
    signed = found["headers"].split(";")
    needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} if token else set())
    if not needed <= set(signed) or signed != sorted(signed):
        return f"the signed headers are {signed}"
    told = request.headers["x-amz-date"]
    at = datetime.strptime(told, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - at) > timedelta(minutes=5) or not told.startswith(found["date"]):
        return "the time is another"
    canonical = "\n".join(
        [
            request.method,
            quote(request.path, safe="/-_.~"),  # the path as sent, encoded once more
            "&".join(sorted(part if "=" in part else f"{part}=" for part in request.query.split("&") if part)),
            *[f"{name}:{' '.join(request.headers[name].split())}" for name in signed],
            "",
            found["headers"],
            hashlib.sha256(request.raw).hexdigest(),
        ]
    )
    scope = f"{found['date']}/{found['region']}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", told, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing_key = f"AWS4{secret}".encode()
    for part in (found["date"], found["region"], service, "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    expected = hmac.new(signing_key, to_sign.encode(), "sha256").hexdigest()
    return None if hmac.compare_digest(expected, found["signature"]) else "the signature does not match"
