"""Which adapter serves a provider's name."""

from collections.abc import Mapping

from services.router.providers.anthropic.provider import Anthropic
from services.router.providers.audio.deepgram import Deepgram
from services.router.providers.audio.elevenlabs import ElevenLabs
from services.router.providers.azure.foundry import AzureAI
from services.router.providers.azure.provider import Azure
from services.router.providers.base import Provider
from services.router.providers.bedrock.mantle import BedrockMantle
from services.router.providers.bedrock.provider import Bedrock
from services.router.providers.cloudflare.provider import Cloudflare
from services.router.providers.cohere.provider import Cohere
from services.router.providers.compatible import CompatibleProvider, load_rows
from services.router.providers.databricks.provider import Databricks
from services.router.providers.gemini.provider import Gemini
from services.router.providers.huggingface import HuggingFace
from services.router.providers.mistral.provider import Mistral
from services.router.providers.ollama.provider import Ollama
from services.router.providers.openai.provider import OpenAICompatible
from services.router.providers.replicate.provider import Replicate
from services.router.providers.sagemaker.provider import SageMaker
from services.router.providers.simulated import SIMULATED_PATHS, SIMULATED_URL
from services.router.providers.snowflake import Snowflake
from services.router.providers.supported import ALIASES
from services.router.providers.vectors.token_vectors import JINA, VOYAGE, TokenVectors
from services.router.providers.vertex.provider import Vertex
from services.router.providers.watsonx.provider import Watsonx
from services.router.sign_in.aws import AwsSignIn
from services.router.sign_in.entra import EntraSignIn
from services.router.sign_in.google import GoogleSignIn

_SIMULATED = CompatibleProvider(
    name="simulated",
    docs="https://github.com/meterhouse/meterhouse",
    base_url=SIMULATED_URL,
    key_env=("SIMULATED_API_KEY",),
    key_optional=True,
)


def load_providers(environ: Mapping[str, str]) -> dict[str, Provider]:
    """Return every adapter by LiteLLM's name of the provider."""
    providers: dict[str, Provider] = {name: OpenAICompatible(row, environ) for name, row in load_rows().items()}
    entra, aws = EntraSignIn(environ), AwsSignIn(environ)
    providers["azure"] = Azure(environ, entra)
    providers["azure_ai"] = AzureAI(environ, entra)
    providers["anthropic"] = Anthropic(environ)
    providers["bedrock"] = Bedrock(environ, aws)
    providers["bedrock_mantle"] = BedrockMantle(environ, aws)
    providers["sagemaker"] = SageMaker("sagemaker", environ, aws)
    providers["sagemaker_chat"] = SageMaker("sagemaker_chat", environ, aws)
    providers["gemini"] = Gemini(environ)
    providers["vertex_ai"] = Vertex(environ, GoogleSignIn(environ))
    providers["simulated"] = OpenAICompatible(_SIMULATED, environ, paths=SIMULATED_PATHS)
    providers["cloudflare"] = Cloudflare(environ)
    providers["cohere"] = Cohere(environ)
    providers["huggingface"] = HuggingFace(load_rows()["huggingface"], environ)
    providers["ollama"] = Ollama(environ)
    providers["databricks"] = Databricks(load_rows()["databricks"], environ)
    providers["deepgram"] = Deepgram(environ)
    providers["elevenlabs"] = ElevenLabs(environ)
    providers["jina_ai"] = TokenVectors(JINA, environ)
    providers["codestral"] = Mistral(load_rows()["codestral"], environ)
    providers["mistral"] = Mistral(load_rows()["mistral"], environ)
    providers["replicate"] = Replicate(environ)
    providers["snowflake"] = Snowflake(load_rows()["snowflake"], environ)
    providers["voyage"] = TokenVectors(VOYAGE, environ)
    providers["watsonx"] = Watsonx(environ)
    for alias, name in ALIASES.items():
        providers[alias] = providers[name]
    return providers
