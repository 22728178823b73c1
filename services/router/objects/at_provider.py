"""Batches and their outputs as the router itself asks for them, when nobody waits for the answer."""

import asyncio
from collections.abc import Mapping

import httpx
import msgspec

from services.router.objects.calls import object_call
from services.router.providers.answers.rejection import Rejected
from services.router.providers.base import Provider, ProviderCall
from services.router.providers.signing_in import SignsIn
from services.router.transport.transports import Transports
from shared.errors import ProviderFailed
from shared.kept.object_calls import FILE_CONTENT, RETRIEVE_BATCH, ObjectCall
from shared.payloads.spool import Spool
from shared.serving.deployments import Deployment

TIMEOUT_S = 60.0
FILE_TIMEOUT_S = 1_800.0
BATCH_BYTES_MAX = 1024 * 1024
ERROR_BYTES_MAX = 64 * 1024

ENDED = frozenset(("completed", "failed", "expired", "cancelled"))


class Batch(msgspec.Struct):
    """What is read of a batch as its provider tells it."""

    status: str = ""
    output_file_id: str | None = None
    error_file_id: str | None = None


_decode = msgspec.json.Decoder(Batch).decode


class AtProvider:
    def __init__(self, transports: Transports, providers: Mapping[str, Provider]) -> None:
        self._transports = transports
        self._providers = providers

    async def batch(self, deployment: Deployment, batch_id: str) -> tuple[Batch, bytes]:
        """Return the batch, and its bytes.

        Raises:
            GatewayError: the provider refuses, cannot be reached, or sends what cannot be read.
        """
        spool = await self._fetch(deployment, RETRIEVE_BATCH, ObjectCall("batch", "", batch_id), TIMEOUT_S)
        try:
            if len(spool) > BATCH_BYTES_MAX:
                raise ProviderFailed(f"{deployment.provider} sent a batch of more than {BATCH_BYTES_MAX} bytes")
            body = spool.read(0, len(spool))
            return _decode(body), body
        except msgspec.DecodeError as error:
            raise ProviderFailed(f"{deployment.provider} sent a batch that cannot be read: {error}") from error
        finally:
            spool.close()

    async def file(self, deployment: Deployment, file_id: str) -> Spool:
        """Return what is in a file; the caller closes it.

        Raises:
            GatewayError
        """
        return await self._fetch(deployment, FILE_CONTENT, ObjectCall("file", "", file_id), FILE_TIMEOUT_S)

    async def _fetch(self, deployment: Deployment, call_type: str, asked: ObjectCall, timeout_s: float) -> Spool:
        provider = self._providers.get(deployment.provider)
        if provider is None:
            raise ProviderFailed(f"there is no adapter for '{deployment.provider}'")
        call = ProviderCall(body=b"", drop_params=True, call_type=call_type, object=asked)
        spool = Spool()
        try:
            status = await self._read(provider, deployment, call, spool, timeout_s)
            if status >= 300:
                raise provider.failure(status, spool.read(0, ERROR_BYTES_MAX))
        except BaseException:
            spool.close()
            raise
        return spool

    async def _read(
        self, provider: Provider, deployment: Deployment, call: ProviderCall, spool: Spool, timeout_s: float
    ) -> int:
        """Read the answer into `spool`; return its status.

        Raises:
            GatewayError
        """
        try:
            async with asyncio.timeout(timeout_s):
                if isinstance(provider, SignsIn):
                    await provider.sign_in(deployment)
                request, _, _ = await object_call(provider, call, deployment, None)
                answer = await self._transports.open(request, TIMEOUT_S)
                try:
                    async for part in answer.parts():
                        spool.append(part)
                finally:
                    await answer.aclose()
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderFailed(f"{provider.name} could not be asked: {str(error) or type(error).__name__}") from error
        except Rejected as reason:
            raise ProviderFailed(reason.message) from reason
        if isinstance(provider, SignsIn) and answer.status_code in (401, 403):
            provider.sign_out(deployment)
        return answer.status_code
