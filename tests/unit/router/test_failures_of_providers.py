"""What each provider's errors mean: its documented forms, told apart as LiteLLM tells them apart."""

from typing import Any

import orjson
import pytest

from services.router.providers.answers.failure_reasons import CONTENT_POLICY, CONTEXT_WINDOW
from services.router.providers.answers.headers import FailsByHeader
from services.router.providers.registry import load_providers
from services.router.providers.supported import supported_providers
from shared.errors import GatewayError

PROVIDERS = load_providers({})


def openai(message: str, kind: str = "invalid_request_error", code: Any = None, param: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def google(status: int, state: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": state, "details": list(details)}}


def reason(why: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": why, "domain": "googleapis.com"}


def sagemaker(status: int, message: str) -> dict[str, Any]:
    said = f"Received client error ({status}) from primary with message"
    return {"Message": said, "OriginalStatusCode": status, "OriginalMessage": message, "LogStreamArn": "arn:aws:logs"}


def watsonx(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message, "more_info": "https://cloud.ibm.com"}], "trace": "t"}


FILTERED = openai("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.")
FILTERED["error"] |= {"code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}
GPT_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
GEMINI_LONG = "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."
TGI_LONG = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 100"
COHERE_LONG = "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292."
CLOUDFLARE_LONG = "AiError: The estimated number of input and maximum output tokens (4176) exceeded this model context \
window limit (4096)."
QUOTA = "Resource has been exhausted (e.g. check quota)."

BAD, AUTH, LOST = "invalid_request_error", "provider_auth_error", "not_found_error"
RATE, SLOW, DOWN, DEAD = "throttling_error", "timeout_error", "service_unavailable", "internal_server_error"
LONG, POLICY = CONTEXT_WINDOW, CONTENT_POLICY

ERRORS: list[tuple[str, int, Any, str, tuple[int, str, str]]] = [
    # provider, status, body, x-amzn-errortype; then the status, type and reason that a client is told
    ("openai", 400, openai(GPT_LONG, code="context_length_exceeded"), "", (400, BAD, LONG)),
    ("openai", 400, openai("string too long", code="string_above_max_length", param="user"), "", (400, BAD, "")),
    ("openai", 400, openai("string too long", code="string_above_max_length", param="messages[0].content"), "",
     (400, BAD, LONG)),
    ("openai", 400, openai("Your request was rejected by our safety system.", code="content_policy_violation"), "",
     (400, BAD, POLICY)),
    ("openai", 400, openai("Your request was rejected.", "image_generation_user_error", "moderation_blocked"), "",
     (400, BAD, POLICY)),
    ("openai", 400, openai("Invalid prompt: your prompt was flagged.", code="invalid_prompt"), "", (400, BAD, POLICY)),
    ("openai", 401, openai("Incorrect API key provided: sk-x", code="invalid_api_key"), "", (401, AUTH, "")),
    ("openai", 403, openai("Project `p` does not have access to model `o9`", code="model_not_found"), "",
     (404, LOST, "")),
    ("openai", 404, openai("The model `gpt-9` does not exist", code="model_not_found"), "", (404, LOST, "")),
    ("openai", 429, openai("Request too large: maximum context length", "tokens", "rate_limit_exceeded"),
     "", (429, RATE, "")),
    ("openai", 503, openai("The engine is currently overloaded", "service_unavailable"), "", (503, DOWN, "")),
    ("hosted_vllm", 400, {"object": "error", "message": GPT_LONG, "type": "BadRequestError", "code": 400}, "",
     (400, BAD, LONG)),
    ("cerebras", 400, openai("Please reduce the length. Current length is 9000 while limit is 8192", "x"), "",
     (400, BAD, LONG)),
    ("openrouter", 400, openai("This endpoint's maximum context length is 32768 tokens.", code=400), "",
     (400, BAD, LONG)),
    ("xai", 403, {"code": "refused", "error": "Content violates usage guidelines."}, "", (403, BAD, POLICY)),
    ("azure", 400, FILTERED, "", (400, BAD, POLICY)),
    ("azure", 400, openai(GPT_LONG, code="context_length_exceeded"), "", (400, BAD, LONG)),
    ("azure", 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}, "",
     (401, AUTH, "")),
    ("azure", 404, {"error": {"code": "DeploymentNotFound", "message": "does not exist"}}, "", (404, LOST, "")),
    ("azure", 408, {"error": {"code": "Timeout", "message": "The operation was timeout."}}, "", (408, SLOW, "")),
    ("azure", 429, {"error": {"code": "429", "message": "Requests have exceeded token rate limit"}}, "",
     (429, RATE, "")),
    ("azure_ai", 400, FILTERED, "", (400, BAD, POLICY)),
    ("azure_ai", 404, {"error": {"code": "unknown_model", "message": "Unknown model"}}, "", (404, LOST, "")),
    ("azure_ai", 429, {"error": {"code": "RateLimitReached", "message": "Rate limit of 1"}}, "", (429, RATE, "")),
    ("anthropic", 400, anthropic(BAD, "prompt is too long: 210000 tokens > 200000 maximum"), "", (400, BAD, LONG)),
    ("anthropic", 400, anthropic(BAD, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
     "", (400, BAD, LONG)),
    ("anthropic", 400, anthropic(BAD, "Output blocked by content filtering policy"), "", (400, BAD, POLICY)),
    ("anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), "", (401, AUTH, "")),
    ("anthropic", 404, anthropic("not_found_error", "model: claude-9"), "", (404, LOST, "")),
    ("anthropic", 413, anthropic("request_too_large", "Request exceeds the maximum size"), "",
     (413, "request_too_large", "")),
    ("anthropic", 429, anthropic("rate_limit_error", "would exceed your rate limit of 40,000 tokens"), "",
     (429, RATE, "")),
    ("anthropic", 504, anthropic("timeout_error", "Request timed out"), "", (504, SLOW, "")),
    ("anthropic", 529, anthropic("overloaded_error", "Overloaded"), "", (529, DEAD, "")),
    ("bedrock", 400, {"message": "Input is too long for requested model."}, "ValidationException:http://x/",
     (400, BAD, LONG)),
    ("bedrock", 400, {"message": "Too many input tokens. Max input tokens: 8192"}, "ValidationException",
     (400, BAD, LONG)),
    ("bedrock", 400, {"message": "expected maxLength: 2048, actual: 3000"}, "", (400, BAD, LONG)),
    ("bedrock", 400, {"message": "Output blocked by content filtering policy"}, "ValidationException",
     (400, BAD, POLICY)),
    ("bedrock", 400, {"message": "The quota is used up"}, "ServiceQuotaExceededException", (429, RATE, "")),
    ("bedrock", 403, {"message": "The security token included in the request is invalid."},
     "UnrecognizedClientException", (401, AUTH, "")),
    ("bedrock", 403, {"message": "You don't have access to the model"}, "AccessDeniedException", (403, AUTH, "")),
    ("bedrock", 404, {"message": "Could not resolve the foundation model"}, "ResourceNotFoundException",
     (404, LOST, "")),
    ("bedrock", 408, {"message": "Model has timed out in processing the request."}, "ModelTimeoutException",
     (408, SLOW, "")),
    ("bedrock", 424, {"message": "failed", "originalStatusCode": 500, "resourceName": "m"}, "ModelErrorException",
     (500, DEAD, "")),
    ("bedrock", 429, {"message": "Too many tokens, please wait before trying again."}, "ThrottlingException",
     (429, RATE, "")),
    ("bedrock", 429, {"message": "not ready"}, "ModelNotReadyException", (429, RATE, "")),
    ("bedrock", 500, {"__type": "com.amazon#InternalServerException", "message": "boom"}, "", (500, DEAD, "")),
    ("bedrock", 503, {"Message": "down"}, "ServiceUnavailableException", (503, DOWN, "")),
    ("bedrock", 429, b"<html>slow down</html>", "ThrottlingException", (429, RATE, "")),
    ("sagemaker", 424, sagemaker(422, TGI_LONG), "ModelError", (422, BAD, LONG)),
    ("sagemaker", 424, sagemaker(500, "Try an instance type with more CPU capacity or memory"), "ModelError",
     (400, BAD, LONG)),
    ("sagemaker_chat", 424, sagemaker(400, GPT_LONG), "ModelError", (400, BAD, LONG)),
    ("sagemaker", 424, sagemaker(500, "CUDA out of memory"), "ModelError", (500, DEAD, "")),
    ("sagemaker", 400, {"Message": "Endpoint x of account 1 not found."}, "ValidationError", (400, BAD, "")),
    ("sagemaker", 429, {"Message": "still loading"}, "ModelNotReadyException", (429, RATE, "")),
    ("sagemaker", 530, {"Message": "internal"}, "InternalDependencyException", (503, DOWN, "")),
    ("sagemaker", 403, {"message": "The security token is invalid"}, "UnrecognizedClientException", (403, AUTH, "")),
    ("gemini", 400, google(400, "INVALID_ARGUMENT", GEMINI_LONG), "", (400, BAD, LONG)),
    ("gemini", 400, google(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."), "",
     (400, BAD, LONG)),
    ("gemini", 400, google(400, "INVALID_ARGUMENT", "API key not valid.", reason("API_KEY_INVALID")), "",
     (401, AUTH, "")),
    ("gemini", 403, google(403, "PERMISSION_DENIED", "denied"), "", (403, AUTH, "")),
    ("gemini", 404, google(404, "NOT_FOUND", "models/x is not found"), "", (404, LOST, "")),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", QUOTA), "", (429, RATE, "")),
    ("gemini", 503, google(503, "UNAVAILABLE", "The model is overloaded."), "", (503, DOWN, "")),
    ("gemini", 504, google(504, "DEADLINE_EXCEEDED", "Deadline expired"), "", (504, SLOW, "")),
    ("vertex_ai", 400, google(400, "INVALID_ARGUMENT", GEMINI_LONG), "", (400, BAD, LONG)),
    ("vertex_ai", 400, anthropic(BAD, "Output blocked by content filtering policy"), "", (400, BAD, POLICY)),
    ("vertex_ai", 400, [google(400, "INVALID_ARGUMENT", "The response was blocked.")], "", (400, BAD, POLICY)),
    ("vertex_ai", 500, google(429, "RESOURCE_EXHAUSTED", QUOTA), "", (429, RATE, "")),
    ("vertex_ai", 429, google(429, "RESOURCE_EXHAUSTED", QUOTA), "", (429, RATE, "")),
    ("cohere", 400, {"id": "e", "message": COHERE_LONG}, "", (400, BAD, LONG)),
    ("cohere", 401, {"id": "e", "message": "invalid api token"}, "", (401, AUTH, "")),
    ("cohere", 404, {"id": "e", "message": "model 'x' not found"}, "", (404, LOST, "")),
    ("cohere", 422, {"id": "e", "message": "message must not be empty in a turn"}, "", (422, BAD, "")),
    ("cohere", 429, {"id": "e", "message": "You are using a Trial key, limited to 20 calls a minute"}, "",
     (429, RATE, "")),
    ("cohere", 498, {"id": "e", "message": "blocked input: the prompt has a forbidden token"}, "", (400, BAD, POLICY)),
    ("cohere", 504, {"id": "e", "message": "timeout"}, "", (504, SLOW, "")),
    ("bedrock_mantle", 400, openai(GPT_LONG, code="context_length_exceeded"), "", (400, BAD, LONG)),
    ("bedrock_mantle", 401, openai("Not signed", code="invalid_signature"), "", (401, AUTH, "")),
    ("bedrock_mantle", 404, anthropic("not_found_error", "model: x"), "", (404, LOST, "")),
    ("bedrock_mantle", 429, openai("Too many requests", code="rate_limit_exceeded"), "", (429, RATE, "")),
    ("bedrock_mantle", 503, anthropic("api_error", "down"), "", (503, DOWN, "")),
    ("mistral", 400, {"object": "error", "message": "Prompt contains 65673 tokens and 0 draft tokens, too large for "
     "model with 32768 maximum context length", "type": "invalid_request_prompt", "code": "3051"}, "",
     (400, BAD, LONG)),
    ("mistral", 401, {"detail": "Unauthorized"}, "", (401, AUTH, "")),
    ("mistral", 429, {"object": "error", "message": "Service tier capacity exceeded for this model.", "code": "3505"},
     "", (429, RATE, "")),
    ("ollama", 400, {"error": "input length exceeds the context length"}, "", (400, BAD, LONG)),
    ("ollama", 404, {"error": "model 'x' not found"}, "", (404, LOST, "")),
    ("huggingface", 422, {"error": TGI_LONG, "error_type": "validation"}, "", (422, BAD, LONG)),
    ("huggingface", 401, {"error": "Invalid username or password."}, "", (401, AUTH, "")),
    ("huggingface", 429, {"error": "Rate limit reached."}, "", (429, RATE, "")),
    ("replicate", 401, {"title": "Unauthenticated", "detail": "Incorrect authentication token", "status": 401}, "",
     (401, AUTH, "")),
    ("replicate", 404, {"detail": "The requested resource could not be found.", "status": 404}, "", (404, LOST, "")),
    ("replicate", 429, {"detail": "Request was throttled.", "status": 429}, "", (429, RATE, "")),
    ("replicate", 422, {"detail": "Your input is too long.", "title": "Input validation failed"}, "", (422, BAD, LONG)),
    ("databricks", 400, {"error_code": "BAD_REQUEST", "message": GPT_LONG}, "", (400, BAD, LONG)),
    ("databricks", 403, {"error_code": "PERMISSION_DENIED", "message": "Invalid access token."}, "", (403, AUTH, "")),
    ("databricks", 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "not found"}, "", (404, LOST, "")),
    ("databricks", 429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Exceeded"}, "", (429, RATE, "")),
    ("cloudflare", 400, {"success": False, "errors": [{"code": 5021, "message": CLOUDFLARE_LONG}]}, "",
     (400, BAD, LONG)),
    ("cloudflare", 401, {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, "",
     (401, AUTH, "")),
    ("cloudflare", 429, {"success": False, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}, "",
     (429, RATE, "")),
    ("watsonx", 400, watsonx("invalid_input_argument", "The number of input tokens 5000 cannot exceed the total tokens \
limit 4096 for this model"), "", (400, BAD, LONG)),
    ("watsonx", 401, watsonx("authentication_token_not_valid", "Failed to authenticate"), "", (401, AUTH, "")),
    ("watsonx", 404, watsonx("model_not_supported", "Model 'x' is not supported"), "", (404, LOST, "")),
    ("watsonx", 429, watsonx("rate_limit_reached_requests", "Reached the limit"), "", (429, RATE, "")),
    ("voyage", 400, {"detail": "The context length is 40000, the maximum context length is 32000."}, "",
     (400, BAD, LONG)),
    ("voyage", 401, {"detail": "Provided API key is invalid."}, "", (401, AUTH, "")),
    ("voyage", 429, {"detail": "You have exceeded your rate limit"}, "", (429, RATE, "")),
    ("jina_ai", 401, {"detail": "Invalid API key"}, "", (401, AUTH, "")),
    ("jina_ai", 429, {"detail": "Rate limit"}, "", (429, RATE, "")),
    ("deepgram", 401, {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r"}, "",
     (401, AUTH, "")),
    ("deepgram", 402, {"err_code": "ASR_PAYMENT_REQUIRED", "err_msg": "no credits"}, "", (402, AUTH, "")),
    ("deepgram", 429, {"err_code": "TOO_MANY_REQUESTS", "err_msg": "Too many requests"}, "", (429, RATE, "")),
    ("deepgram", 504, {"err_code": "GATEWAY_TIMEOUT", "err_msg": "took too long"}, "", (504, SLOW, "")),
    ("elevenlabs", 401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, "", (401, AUTH, "")),
    ("elevenlabs", 404, {"detail": {"status": "voice_not_found", "message": "no such voice"}}, "", (404, LOST, "")),
    ("elevenlabs", 429, {"detail": {"status": "too_many_concurrent_requests", "message": "slow"}}, "", (429, RATE, "")),
]  # fmt: skip


def failure(provider: str, status: int, body: Any, error_type: str) -> GatewayError:
    adapter = PROVIDERS[provider]
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    if isinstance(adapter, FailsByHeader):
        return adapter.failure_with(status, raw, {"x-amzn-errortype": error_type or None}.get)
    return adapter.failure(status, raw)


@pytest.mark.parametrize(("provider", "status", "body", "error_type", "told"), ERRORS)
def test_an_error_means_the_same_whoever_tells_it(
    provider: str, status: int, body: Any, error_type: str, told: tuple[int, str, str]
) -> None:
    what = failure(provider, status, body, error_type)
    assert (what.status, what.type, (what.fields or {}).get("reason", "")) == told, what.message


def test_every_protocol_has_its_errors_here() -> None:
    told = {provider for provider, *_ in ERRORS}
    own = {provider.name for provider in supported_providers() if provider.protocol != "OpenAI chat completions"}
    assert own - told == {"simulated"}
    assert {"mistral", "huggingface", "databricks", "openai"} <= told


@pytest.mark.parametrize(
    "told", ["ThrottlingException", "ThrottlingException:http://x/", "com.amazon#ThrottlingException"]
)
def test_awss_header_names_the_error_before_its_body_does(told: str) -> None:
    what = failure("bedrock", 400, {"__type": "ValidationException", "message": "m"}, told)
    assert (what.status, what.fields) == (429, {"provider": "bedrock", "provider_code": "ThrottlingException"})


def test_an_error_of_aws_is_named_by_its_body_where_there_is_no_header() -> None:
    what = failure("bedrock", 400, {"__type": "com.amazon.coral#ThrottlingException", "message": "m"}, "")
    assert (what.status, (what.fields or {})["provider_code"]) == (429, "ThrottlingException")
    plain = PROVIDERS["bedrock"].failure(503, b'{"message": "m"}')
    assert (plain.status, (plain.fields or {})["provider_code"]) == (503, None)


@pytest.mark.parametrize(
    ("provider", "status", "body", "code"),
    [
        ("databricks", 429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "m"}, "REQUEST_LIMIT_EXCEEDED"),
        ("vertex_ai", 529, anthropic("overloaded_error", "Overloaded"), "overloaded_error"),
        ("cohere", 498, {"message": "blocked"}, "content_filter"),
    ],
)
def test_a_providers_own_word_for_it_is_told(provider: str, status: int, body: Any, code: str) -> None:
    assert (failure(provider, status, body, "").fields or {})["provider_code"] == code
