"""The headers of an answer that the router knows, as lines: which deployment served it, and what it cost."""

from services.router.job import Job
from shared.header_lines import header_text
from shared.money import usd_text
from shared.prices.price_call import Priced
from shared.serving.deployments import Deployment
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES


def served_by_lines(job: Job, deployment: Deployment) -> bytes:
    """Return who served it, and what policy has to tell."""
    call = job.call
    guardrails = call.applied_guardrails
    lines = (
        f"x-litellm-model-id: {header_text(deployment.id)}\r\n"
        f"x-litellm-model-group: {header_text(call.request.group)}\r\n"
        f"x-litellm-model-name: {header_text(deployment.provider)}/{header_text(deployment.model)}\r\n"
        f"x-litellm-attempted-retries: {job.retries}\r\n"
        f"x-litellm-attempted-fallbacks: {job.fallbacks}\r\n"
        f"{call.answer_lines}"
    )
    if guardrails:
        lines += f"x-litellm-applied-guardrails: {header_text(','.join(guardrails))}\r\n"
    return lines.encode("ascii")


def cost_lines(priced: Priced | None) -> bytes:
    """Return the charge in LiteLLM's headers; what stands for a side or a class is of the computed cost.

    Without a price its clients expect them to be absent. The cost of a stream is not known when its head is written:
    its last chunk and the spend logs tell it.
    """
    if priced is None or priced.source == "none":
        return b""
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
    reasoning = priced.computed.parts.get("reasoning", 0)
    lines = (
        f"x-litellm-response-cost: {usd_text(priced.pico)}\r\n"
        f"x-litellm-response-cost-original: {usd_text(priced.pico + priced.discount_pico - priced.margin_pico)}\r\n"
        f"x-litellm-response-cost-discount-amount: {usd_text(priced.discount_pico)}\r\n"
        f"x-litellm-response-cost-margin-amount: {usd_text(priced.margin_pico)}\r\n"
        f"x-litellm-response-cost-input: {usd_text(read)}\r\n"
        f"x-litellm-response-cost-output: {usd_text(wrote)}\r\n"
        f"x-litellm-response-cost-tool-usage: {usd_text(tools)}\r\n"
    )
    if cached or written or reasoning:
        for name, pico in (("cache-read", cached), ("cache-creation", written), ("reasoning", reasoning)):
            lines += f"x-litellm-response-cost-{name}: {usd_text(pico)}\r\n" if pico else ""
    return lines.encode("ascii")


_READ, _WROTE = frozenset(INPUT_CLASSES), frozenset(OUTPUT_CLASSES)
_CACHED = frozenset(("cached_input", "cached_audio_input", "cached_image_input"))
_CACHE_WRITES = frozenset(("cache_write", "cache_write_1h"))
