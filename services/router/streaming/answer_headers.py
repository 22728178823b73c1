"""The headers of an answer that the router knows: which deployment served it, and what it cost."""

from services.router.job import Job
from services.router.price_call import Priced
from services.router.providers.base import OwnForm
from shared.money import usd_text
from shared.serving.deployments import Deployment
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES

Headers = tuple[tuple[str, str], ...]


def stream_headers(job: Job, deployment: Deployment, content_type: str = OwnForm.stream_type) -> Headers:
    """The cost is not known yet when a stream begins; its last chunk and the spend logs tell it."""
    return (("content-type", content_type), *_served_by(job, deployment))


def whole_headers(
    job: Job, deployment: Deployment, body: bytes, priced: Priced | None, content_type: str = OwnForm.content_type
) -> Headers:
    """Without a price LiteLLM's clients expect the headers of the cost to be absent."""
    headers = (
        ("content-type", content_type),
        ("content-length", str(len(body))),
        *_served_by(job, deployment),
    )
    if priced is None or priced.source == "none":
        return headers
    return (*headers, *_cost(priced))


def _cost(priced: Priced) -> tuple[tuple[str, str], ...]:
    """The charge in LiteLLM's headers; what stands for a side or a class is of the computed cost."""
    read = wrote = tools = cached = written = 0
    for name, pico in priced.computed.parts.items():
        if name in _READ:
            read += pico
            cached += pico if name in _CACHED else 0
            written += pico if name in _CACHE_WRITES else 0
        elif name in _WROTE:
            wrote += pico
        else:
            tools += pico
    headers = (
        ("x-litellm-response-cost", usd_text(priced.pico)),
        ("x-litellm-response-cost-original", usd_text(priced.pico + priced.discount_pico - priced.margin_pico)),
        ("x-litellm-response-cost-discount-amount", usd_text(priced.discount_pico)),
        ("x-litellm-response-cost-margin-amount", usd_text(priced.margin_pico)),
        ("x-litellm-response-cost-input", usd_text(read)),
        ("x-litellm-response-cost-output", usd_text(wrote)),
        ("x-litellm-response-cost-tool-usage", usd_text(tools)),
    )
    reasoning = priced.computed.parts.get("reasoning", 0)
    if not (cached or written or reasoning):
        return headers
    more = (("cache-read", cached), ("cache-creation", written), ("reasoning", reasoning))
    return (*headers, *[(f"x-litellm-response-cost-{name}", usd_text(pico)) for name, pico in more if pico])


_READ, _WROTE = frozenset(INPUT_CLASSES), frozenset(OUTPUT_CLASSES)
_CACHED = frozenset(("cached_input", "cached_audio_input", "cached_image_input"))
_CACHE_WRITES = frozenset(("cache_write", "cache_write_1h"))


def header_text(text: str) -> str:
    """Return `text` as a header can carry it: names come from the configuration, where anything may stand."""
    if text.isascii() and text.isprintable():
        return text
    return "".join([letter if letter.isprintable() and letter.isascii() else "?" for letter in text])


def _served_by(job: Job, deployment: Deployment) -> Headers:
    served: Headers = (
        ("x-litellm-model-id", header_text(deployment.id)),
        ("x-litellm-model-group", header_text(job.call.request.group)),
        ("x-litellm-model-name", header_text(f"{deployment.provider}/{deployment.model}")),
        ("x-litellm-attempted-retries", str(job.retries)),
        ("x-litellm-attempted-fallbacks", str(job.fallbacks)),
    )
    if job.call.answer_headers:
        served += job.call.answer_headers
    guardrails = job.call.applied_guardrails
    return (*served, ("x-litellm-applied-guardrails", header_text(",".join(guardrails)))) if guardrails else served
