"""Which form a model at Vertex AI speaks, and under which path. LiteLLM's names.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (Gemini),
https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models (Claude, Mistral, Jamba),
https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis (all others, through OpenAI's API).
"""

import re
from typing import Literal, NamedTuple

Form = Literal["gemini", "anthropic", "mistral", "openai"]

_MISTRAL = re.compile(r"(?:mistral|ministral|magistral|codestral|devstral|pixtral)[\w.@-]*")


class Hosted(NamedTuple):
    """`path` is what follows .../locations/LOCATION/; `name` the model's name in a body."""

    form: Form
    path: str
    name: str


def hosted_of(model: str) -> Hosted:
    """Return how `model` is hosted: by Google, by a maker under their own form, by an endpoint of one's own, ..."""
    first, slash, rest = model.partition("/")
    if first == "gemini" and slash:  # a tuned Gemini, by its endpoint's number
        return Hosted("gemini", f"endpoints/{rest}", rest)
    if model.isdigit():
        return Hosted("gemini", f"endpoints/{model}", model)
    if first == "openai" and rest.isdigit():  # a model of one's own behind OpenAI's API
        return Hosted("openai", f"endpoints/{rest}", "")
    if model.startswith("claude"):
        return Hosted("anthropic", f"publishers/anthropic/models/{model}", model)
    own = model.removeprefix("mistralai/")
    if _MISTRAL.fullmatch(own):
        return Hosted("mistral", f"publishers/mistralai/models/{own}", own.partition("@")[0])
    if model.startswith("jamba"):
        return Hosted("mistral", f"publishers/ai21/models/{model}", model.partition("@")[0])
    if slash:
        return Hosted("openai", "endpoints/openapi", model)
    return Hosted("gemini", f"publishers/google/models/{model}", model)


def host_of(location: str) -> str:
    """Return the address of a location: a region, `global`, or a continent (us, eu)."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"
