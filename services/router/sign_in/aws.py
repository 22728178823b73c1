"""AWS credentials, from wherever a deployment says they come; botocore knows the places and speaks to STS.

botocore blocks, so it works in a thread, and only where a file or a call is needed.
Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

import asyncio
import time
from collections.abc import Hashable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from services.router.providers.aws.credentials import AwsCredentials
from services.router.providers.aws.region import region_of
from services.router.providers.credentials import sign_in_text
from services.router.sign_in.kept import Credential, Kept
from shared.errors import CredentialMissing, ProviderFailed
from shared.serving.deployments import Deployment

SESSION_NAME = "meterhouse"
CHECK_AGAIN_S = 300.0
"""How long credentials of AWS's own places are taken to hold: botocore renews them a quarter of an hour too early."""

_SETTINGS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_profile_name",
    "aws_role_name",
    "aws_session_name",
    "aws_external_id",
    "aws_web_identity_token",
    "aws_sts_endpoint",
    "aws_region_name",
)


class AwsSignIn:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._kept: Kept[AwsCredentials] = Kept(self._obtain, self._identity)
        self._sessions: dict[str | None, Any] = {}  # botocore's, by profile: they renew what they found

    async def ready(self, deployment: Deployment) -> None:
        await self._kept.ready(deployment)

    def of(self, deployment: Deployment) -> AwsCredentials:
        return self._kept.of(deployment)

    def drop(self, deployment: Deployment) -> None:
        self._kept.drop(deployment)

    def _identity(self, deployment: Deployment) -> Hashable:
        tags = tuple(tuple(sorted(tag.items())) for tag in _tags(deployment))
        return tags, *(sign_in_text(deployment, name) for name in _SETTINGS)

    async def _obtain(self, deployment: Deployment) -> Credential[AwsCredentials]:
        if sign_in_text(deployment, "aws_role_name") is None and (keys := self._keys(deployment)) is not None:
            return Credential(keys, None)
        return await asyncio.to_thread(self._from_places, deployment)

    def _keys(self, deployment: Deployment) -> AwsCredentials | None:
        """Return the access key that is configured or in the environment, unless a profile is to be used."""
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        key, secret, token = [sign_in_text(deployment, name) for name in names]
        if key and secret:
            return AwsCredentials(key, secret, token)
        if key or secret:
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' has only one of aws_access_key_id and "
                "aws_secret_access_key; set both in its litellm_params",
                param=names[1] if key else names[0],
            )
        if sign_in_text(deployment, "aws_profile_name") is not None:
            return None
        key, secret, token = [self._environ.get(name.upper()) for name in names]
        return AwsCredentials(key, secret, token or None) if key and secret else None

    def _from_places(self, deployment: Deployment) -> Credential[AwsCredentials]:
        """Blocks.

        Raises:
            CredentialMissing, ProviderFailed
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if sign_in_text(deployment, "aws_role_name") is not None:
                return self._role(deployment)
            return self._default(deployment)
        except ClientError as error:
            told = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 403)
            raise ProviderFailed(
                f"STS refused the role of '{deployment.provider}/{deployment.model}': {told.get('Message')}",
                status=401 if status == 400 else status,
                type="provider_auth_error",
                fields={"provider": deployment.provider, "provider_code": told.get("Code")},
            ) from error
        except BotoCoreError as error:
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' cannot sign in at AWS: {error}"
            ) from error

    def _default(self, deployment: Deployment) -> Credential[AwsCredentials]:
        profile = sign_in_text(deployment, "aws_profile_name") or self._environ.get("AWS_PROFILE")
        found = self._session(profile).get_credentials()
        if found is None:
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' has no AWS credentials: set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_BEARER_TOKEN_BEDROCK) in the gateway's "
                "environment, or aws_access_key_id, aws_profile_name or aws_role_name in its litellm_params",
                param="aws_access_key_id",
            )
        frozen = found.get_frozen_credentials()
        return Credential(
            AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token), time.time() + CHECK_AGAIN_S
        )

    def _role(self, deployment: Deployment) -> Credential[AwsCredentials]:
        asked: dict[str, Any] = {
            "RoleArn": sign_in_text(deployment, "aws_role_name"),
            "RoleSessionName": sign_in_text(deployment, "aws_session_name") or SESSION_NAME,
        }
        token = sign_in_text(deployment, "aws_web_identity_token")
        if token is not None:
            asked["WebIdentityToken"] = self._web_identity(deployment, token)
            with closing(self._sts(deployment, None)) as sts:
                answer = sts.assume_role_with_web_identity(**asked)
        else:
            external_id = sign_in_text(deployment, "aws_external_id")
            if external_id is not None:
                asked["ExternalId"] = external_id
            if tags := _tags(deployment):
                asked["Tags"] = tags
            base = self._keys(deployment) or self._default(deployment).value
            with closing(self._sts(deployment, base)) as sts:
                answer = sts.assume_role(**asked)
        given = answer["Credentials"]
        value = AwsCredentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return Credential(value, given["Expiration"].timestamp())

    def _sts(self, deployment: Deployment, base: AwsCredentials | None) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
        if base is None:
            config = config.merge(Config(signature_version=UNSIGNED))
        keys: dict[str, Any] = {}
        if base is not None:
            keys = {
                "aws_access_key_id": base.access_key,
                "aws_secret_access_key": base.secret_key,
                "aws_session_token": base.token,
            }
        return self._session(None).create_client(
            "sts",
            region_name=region_of(deployment, self._environ),
            endpoint_url=sign_in_text(deployment, "aws_sts_endpoint"),
            config=config,
            **keys,
        )

    def _web_identity(self, deployment: Deployment, given: str) -> str:
        """Return the token: written out, in a file, in a variable (oidc/env/NAME), or in a variable's file."""
        try:
            if given.startswith("oidc/file/"):
                return Path(given.removeprefix("oidc/file/")).read_text(encoding="utf-8").strip()
            if given.startswith("oidc/env_path/"):
                name = given.removeprefix("oidc/env_path/")
                return Path(self._variable(deployment, name)).read_text(encoding="utf-8").strip()
            if given.startswith("oidc/env/"):
                return self._variable(deployment, given.removeprefix("oidc/env/"))
            if given.startswith(("/", "./", "../")):
                return Path(given).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' cannot sign in at AWS: its "
                f"aws_web_identity_token cannot be read: {error}",
                param="aws_web_identity_token",
            ) from error
        return given

    def _variable(self, deployment: Deployment, name: str) -> str:
        value = self._environ.get(name)
        if not value:
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' takes its aws_web_identity_token from "
                f"{name}; set the environment variable {name} for the gateway",
                param="aws_web_identity_token",
            )
        return value

    def _session(self, profile: str | None) -> Any:
        session = self._sessions.get(profile)
        if session is None:
            from botocore.session import Session

            session = self._sessions[profile] = Session(profile=profile)
        return session


def _tags(deployment: Deployment) -> list[dict[str, str]]:
    return [dict(tag) for tag in deployment.sign_in.get("aws_session_tags") or ()]
