"""AWS's signature, version 4, by botocore. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html"""

from services.router.providers.aws.credentials import AwsCredentials


def signed_headers(
    url: str,
    headers: dict[str, str],
    body: bytes,
    credentials: AwsCredentials,
    *,
    service: str,
    region: str,
    method: str = "POST",
) -> dict[str, str]:
    """Return `headers` with those that sign the sending of `body` now."""
    # Not at the top: a quarter of a second, and 20 MB, that a router without AWS does not need.
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method, url, headers=headers, data=body)
    signer = Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    SigV4Auth(signer, service, region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}
