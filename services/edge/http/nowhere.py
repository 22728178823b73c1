"""A path that nothing answers, told in the words of the API that it is written like."""

from shared.errors import NotFound

_GOOGLES = ("generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents", "predict")


def dialect_of_path(path: str) -> str:
    """Return whose clients ask for `path`: "anthropic", "gemini", and "openai" for all else."""
    if path.startswith(("/v1/messages", "/anthropic/")):
        return "anthropic"
    if path.startswith(("/v1beta/", "/gemini/")) or path.rpartition(":")[2] in _GOOGLES:
        return "gemini"
    return "openai"


def nowhere(method: str, path: str) -> NotFound:
    return NotFound(
        f"{method} {path[:200]}: Not Found. GET /openapi.json lists the paths there are; /{{provider}}/... goes on to "
        "a provider that has a deployment in model_list."
    )
