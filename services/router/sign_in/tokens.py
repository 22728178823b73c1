"""Tokens of IBM Cloud and Databricks, got with a long-lived secret and kept until they end.

Sources: https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey,
https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
"""

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from services.router.sign_in.exchange import exchanged, lifetime_s
from services.router.sign_in.kept import Credential, Kept
from shared.serving.deployments import Deployment

IBM_FORM = "urn:ibm:params:oauth:grant-type:apikey"
HOUR_S = 3_600.0


class Secret(NamedTuple):
    """What is exchanged, and where. `user` is "" where the secret says by itself whose it is."""

    url: str
    secret: str
    user: str = ""


class TokenSignIn:
    """`secret_of` says what a deployment signs in with, and raises CredentialMissing where that is missing."""

    def __init__(
        self, secret_of: Callable[[Deployment], Secret], exchange: Callable[[Secret], Awaitable[Credential[str]]]
    ):
        self._secret_of = secret_of
        self._exchange = exchange
        self._kept: Kept[str] = Kept(self._obtain, self._identity)

    async def ready(self, deployment: Deployment) -> None:
        await self._kept.ready(deployment)

    def of(self, deployment: Deployment) -> str:
        return self._kept.of(deployment)

    def drop(self, deployment: Deployment) -> None:
        self._kept.drop(deployment)

    def _identity(self, deployment: Deployment) -> Hashable:
        return self._secret_of(deployment)

    async def _obtain(self, deployment: Deployment) -> Credential[str]:
        return await self._exchange(self._secret_of(deployment))


async def ibm_token(secret: Secret) -> Credential[str]:
    told = await exchanged("IBM Cloud", secret.url, {"grant_type": IBM_FORM, "apikey": secret.secret})
    return Credential(told["access_token"], time.time() + lifetime_s(told, HOUR_S))


async def databricks_token(secret: Secret) -> Credential[str]:
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    told = await exchanged("Databricks", secret.url, form, basic=(secret.user, secret.secret))
    return Credential(told["access_token"], time.time() + lifetime_s(told, HOUR_S))
