"""Providers on loopback that speak the real ones' HTTP, and can be told to behave badly.

tests/integration/test_provider_servers.py holds them to the official SDKs.
"""

from tests.provider_servers.anthropic import AnthropicServer
from tests.provider_servers.azure import AzureServer
from tests.provider_servers.bedrock import BedrockServer
from tests.provider_servers.entra import EntraServer
from tests.provider_servers.foundry import FoundryServer
from tests.provider_servers.gemini import GeminiServer
from tests.provider_servers.google_token import GoogleTokenServer
from tests.provider_servers.http_server import Behaviour, HttpServer, Received
from tests.provider_servers.openai import OpenAIServer
from tests.provider_servers.sts import StsServer
from tests.provider_servers.vertex import VertexServer

__all__ = [
    "AnthropicServer",
    "AzureServer",
    "BedrockServer",
    "Behaviour",
    "EntraServer",
    "FoundryServer",
    "GeminiServer",
    "GoogleTokenServer",
    "HttpServer",
    "OpenAIServer",
    "Received",
    "StsServer",
    "VertexServer",
]
