"""A path that nothing answers, told in the words of the API that it is written like."""

from collections.abc import Container

from shared.errors import NotFound

_GOOGLES = ("generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents", "predict")


def dialect_of_path(path: str) -> str:
    """Return whose clients ask for `path`: "anthropic", "gemini", and "openai" for all else."""
    if path.startswith(("/v1/messages", "/v1/v1/messages", "/anthropic/")):
        return "anthropic"
    if path.startswith(("/v1beta/", "/gemini/", "/vertex_ai/")) or path.rpartition(":")[2] in _GOOGLES:
        return "gemini"
    return "openai"


def is_googles(headers: Container[str]) -> bool:
    """Whether a client of Google's asks: its SDKs know some of OpenAI's paths, too. Names are in small letters."""
    return "x-goog-api-client" in headers or "x-goog-api-key" in headers


def is_anthropics(headers: Container[str]) -> bool:
    """Whether a client of Anthropic's asks: all of them tell its version."""
    return "anthropic-version" in headers


def dialect_of(path: str, headers: Container[str]) -> str:
    """The same of a request."""
    if path.startswith("/v1/"):
        if is_anthropics(headers):
            return "anthropic"
        if is_googles(headers):
            return "gemini"
    return dialect_of_path(path)


def nowhere(method: str, path: str) -> NotFound:
    path = path[:200]
    if path.startswith("/v1/v1/"):
        return NotFound(f"{method} {path}: Not Found. The client adds /v1 by itself: leave it out of its base_url.")
    there = f", as /{dialect_of_path(path)}{path} does" if path.startswith(("/v1/", "/v1beta/")) else ""
    return NotFound(
        f"{method} {path}: Not Found. GET /openapi.json lists the paths there are; /{{provider}}/... goes on to "
        f"a provider that has a deployment in model_list{there}."
    )
