"""What a try came to: an ending of the request, or a failure and whether another try may mend it."""

import math
from typing import NamedTuple

import httpx

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError
from services.router.providers.answers.failures import reported_failure
from services.router.providers.answers.rejection import Rejected
from shared.errors import BudgetExceeded, DeadlinePassed, GatewayError, InvalidRequest, NotFound, ProviderFailed
from shared.serving.deployments import Deployment
from shared.usage import Usage

_ELSEWHERE = {401, 402, 403, 404}
_RETRYABLE = _ELSEWHERE | {408, 409, 425, 429}
RETRY_AFTER_MAX_S = 24 * 3600


class Failed(NamedTuple):
    """`retryable`: another try may help; `elsewhere`: only at another deployment.

    `counts`: it says something about the deployment's health; `called`: the provider was called at all. `usage`: what
    it reported to have used all the same.
    """

    failure: GatewayError
    retryable: bool
    elsewhere: bool
    counts: bool = True
    called: bool = True
    usage: Usage | None = None


def answered(failure: GatewayError, retry_after: str | None) -> Failed:
    """The provider answered with an error; `retry_after` is its header, which goes before what its body asks for."""
    seconds = _seconds(retry_after)
    failure.retry_after_s = seconds if seconds is not None else failure.retry_after_s
    return by_status(failure)


def by_status(failure: GatewayError) -> Failed:
    status = failure.status
    return Failed(failure, retryable=status in _RETRYABLE or status >= 500, elsewhere=status in _ELSEWHERE)


def unsent(reason: GatewayError) -> Failed:
    """A key, an address or an adapter is missing: no call was made, and the deployment is as healthy as it was."""
    return Failed(reason, retryable=True, elsewhere=True, counts=False, called=False)


def no_adapter(deployment: Deployment) -> GatewayError:
    """Nothing here speaks to the deployment's provider; under `*` it is the client who named it."""
    if deployment.wildcard == "*":
        return InvalidRequest(
            f"the model '{deployment.group}' cannot be called: '{deployment.provider}' is no provider known here; "
            "write it as provider/model, as in openai/gpt-4o",
            param="model",
        )
    return GatewayError(
        f"the deployment '{deployment.provider}/{deployment.model}' cannot be called: there is no adapter for the "
        f"provider '{deployment.provider}'; where it speaks OpenAI's API, write the model as openai/{deployment.model} "
        "with its api_base",
        type="provider_not_supported",
    )


def without_sessions(deployment: Deployment) -> GatewayError:
    return InvalidRequest(
        f"the deployment '{deployment.provider}/{deployment.model}' has no realtime sessions; ask for a model of a "
        "provider that does: openai, azure, or a server that speaks OpenAI's Realtime API",
        param="model",
    )


def too_dear(deployment: Deployment) -> GatewayError:
    """What is left of the request's hold does not pay for its input and one token of answer there."""
    return BudgetExceeded(
        f"what is held for the request does not cover a call of '{deployment.provider}/{deployment.model}' any more"
    )


def not_its_own(deployment: Deployment) -> GatewayError:
    """Another deployment holds the response that this one follows."""
    return NotFound(
        f"'{deployment.provider}/{deployment.model}' does not hold the previous response: ask the model that made it",
        param="previous_response_id",
    )


def rejected(reason: Rejected) -> Failed:
    """The request cannot be put into the provider's terms."""
    return Failed(InvalidRequest(reason.message, param=reason.param), retryable=False, elsewhere=False, counts=False)


def unserved(reason: Rejected) -> Failed:
    """The provider has no such endpoint: another deployment of the model may be of one that has."""
    failure = InvalidRequest(reason.message, param=reason.param)
    return Failed(failure, retryable=True, elsewhere=True, counts=False, called=False)


def timed_out(provider: str, timeout_s: float, *, own_limit: bool) -> Failed:
    """`own_limit`: it had less time than the configuration gives it, by the request's own wish or its retries."""
    failure = DeadlinePassed(f"{provider} did not answer within {timeout_s:.3g} s", fields={"provider": provider})
    return Failed(failure, retryable=True, elsewhere=False, counts=not own_limit)


def broken(provider: str, error: Exception) -> Failed:
    """The connection could not be made, or broke before anything of the answer left for the client."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        failure = ProviderFailed(f"{provider} cannot be called: {reason}; look at api_base", fields=_of(provider))
        return Failed(failure, retryable=True, elsewhere=True)
    failure = ProviderFailed(f"{provider} could not be reached: {reason}", fields=_of(provider))
    return Failed(failure, retryable=True, elsewhere=False)


def redirected(provider: str, status: int, location: str | None) -> Failed:
    """Following it could hand the key to another host."""
    failure = ProviderFailed(
        f"{provider} answered {status}, a redirect to {location or 'nowhere'}: set api_base to where it leads",
        fields=_of(provider),
    )
    return Failed(failure, retryable=True, elsewhere=True)


def failure_of_answer(provider: str, error: BrokenAnswer) -> GatewayError:
    """An answer that began with 200 and is none."""
    if isinstance(error, ProviderStreamError):
        return reported_failure(provider, error.status, error.message, error.type)
    return ProviderFailed(f"{provider} sent an answer that cannot be read: {error}", fields=_of(provider))


def failure_of_stream(provider: str, error: Exception) -> GatewayError:
    """A stream that broke off after a part of it had left for the client."""
    if isinstance(error, BrokenAnswer):
        return failure_of_answer(provider, error)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return ProviderFailed(
            f"{provider} stopped sending in mid-stream", status=504, type="timeout_error", fields=_of(provider)
        )
    reason = str(error) or type(error).__name__
    return ProviderFailed(f"{provider} broke off its stream: {reason}", fields=_of(provider))


def _of(provider: str) -> dict[str, str]:
    return {"provider": provider}


def _seconds(retry_after: str | None) -> int | None:
    """Return whole seconds; None for a date, which needs the provider's clock to agree with ours."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return min(math.ceil(seconds), RETRY_AFTER_MAX_S) if 0 <= seconds < math.inf else None
