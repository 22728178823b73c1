"""Hugging Face: its router to many inference providers, and servers of one's own (TGI, TEI, Inference Endpoints).

All of them speak OpenAI's API; what is Hugging Face's own is how a model names the provider that is to serve it.
Sources: https://huggingface.co/docs/inference-providers/index, https://huggingface.co/docs/text-generation-inference/messages_api
"""

from collections.abc import Mapping
from dataclasses import replace

from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.compatible import CompatibleProvider
from services.router.providers.openai.provider import OpenAICompatible
from services.router.providers.prepared import Prepared
from services.router.providers.vectors.features import features_call, texts_ranked
from shared.serving.deployments import Deployment

FEATURES = "/hf-inference"
"""The part of the router that has no OpenAI-compatible embeddings."""

ROUTED = frozenset(
    {"auto", "baseten", "black-forest-labs", "cerebras", "clarifai", "cohere", "fal-ai", "featherless-ai"}
    | {"fireworks-ai", "groq", "hf-inference", "hyperbolic", "nebius", "novita", "nscale", "nvidia", "openai"}
    | {"ovhcloud", "publicai", "replicate", "sambanova", "scaleway", "together", "wavespeed", "zai-org"}
)
"""Inference providers behind the router, as LiteLLM's users write them in front of a model."""


class HuggingFace(OpenAICompatible):
    """`huggingface/together/org/model` asks the router for `org/model:together`; a server of one's own gets it all."""

    def __init__(self, row: CompatibleProvider, environ: Mapping[str, str]) -> None:
        super().__init__(row, environ)
        self._routed = Prepared(_routed)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if call_type == "arerank":  # a text embeddings server of one's own
            return deployment.api_base is not None
        return super().serves(call_type, deployment)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        if call.call_type == "aembedding":
            base, headers = self.address_and_headers(deployment)
            origin = base.removesuffix("/v1")
            if deployment.api_base is None or origin.endswith(FEATURES):  # a server of one's own has /v1/embeddings
                return features_call(call, deployment, origin.removesuffix(FEATURES), headers)
        if call.call_type == "arerank":
            base, headers = self.address_and_headers(deployment)
            return texts_ranked(call, deployment, base.removesuffix("/v1"), headers)
        return super().prepare(call, deployment if deployment.api_base is not None else self._routed.of(deployment))


def routed_model(model: str) -> str:
    """Return the model as Hugging Face's router takes it."""
    provider, slash, rest = model.partition("/")
    if slash and "/" in rest and provider in ROUTED:
        return rest if provider == "auto" else f"{rest}:{provider}"
    return model


def _routed(deployment: Deployment) -> Deployment:
    return replace(deployment, model=routed_model(deployment.model))
