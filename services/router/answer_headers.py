"""The headers of an answer that the router knows: which deployment served it, and what it cost."""

from services.router.job import Job
from services.router.providers.base import OwnForm
from shared.deployments import Deployment
from shared.money import usd_text

Headers = tuple[tuple[str, str], ...]


def stream_headers(job: Job, deployment: Deployment, content_type: str = OwnForm.stream_type) -> Headers:
    """The cost is not known yet when a stream begins; its last chunk and the spend logs tell it."""
    return (("content-type", content_type), *_served_by(job, deployment))


def whole_headers(
    job: Job, deployment: Deployment, body: bytes, cost_pico: int | None, content_type: str = OwnForm.content_type
) -> Headers:
    """`cost_pico` None: the model has no price, and LiteLLM's clients expect the header to be absent."""
    headers = (
        ("content-type", content_type),
        ("content-length", str(len(body))),
        *_served_by(job, deployment),
    )
    if cost_pico is None:
        return headers
    return (*headers, ("x-litellm-response-cost", usd_text(cost_pico)))


def header_text(text: str) -> str:
    """Return `text` as a header can carry it: names come from the configuration, where anything may stand."""
    if text.isascii() and text.isprintable():
        return text
    return "".join([letter if letter.isprintable() and letter.isascii() else "?" for letter in text])


def _served_by(job: Job, deployment: Deployment) -> Headers:
    served = (
        ("x-litellm-model-id", header_text(deployment.id)),
        ("x-litellm-model-group", header_text(job.call.request.group)),
        ("x-litellm-model-name", header_text(f"{deployment.provider}/{deployment.model}")),
        ("x-litellm-attempted-retries", str(job.retries)),
        ("x-litellm-attempted-fallbacks", str(job.fallbacks)),
    )
    guardrails = job.call.applied_guardrails
    return (*served, ("x-litellm-applied-guardrails", header_text(",".join(guardrails)))) if guardrails else served
