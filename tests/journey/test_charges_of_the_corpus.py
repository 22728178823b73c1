"""The answers of tests/contract/usage, through a whole gateway: what a call is charged is what its case says."""

import time
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import orjson
import pytest
import yaml

from shared.money import pico_to_usd
from shared.prices import PriceBook
from shared.prices.price_call import price_call
from shared.prices.reporters import REPORTERS
from shared.serving.deployments import Deployment
from tests.contract.corpus import answer_of, read
from tests.contract.test_whole_answers import TOLD
from tests.running_gateway import RunningGateway

HELLO = [{"role": "user", "content": "hello"}]
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "usage_from_openai": ("/v1/chat/completions", {"messages": HELLO}),
    "usage_from_responses": ("/v1/responses", {"input": "hello"}),
    "usage_from_anthropic": ("/v1/messages", {"messages": HELLO, "max_tokens": 9}),
    "usage_from_gemini": ("/v1beta/models/{model}:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]}),
    "usage_from_interactions": ("/v1beta/interactions", {"input": "hello"}),
    "usage_from_images": ("/v1/images/generations", {"prompt": "hello"}),
    "usage_from_pages": ("/v1/ocr", {"document": {"type": "document_url", "document_url": "https://a/b"}}),
    "usage_from_total": ("", {"input": "hello"}),
}
PROVIDERS = (
    "anthropic",
    "deepseek",
    "gemini",
    "groq",
    "mistral",
    "openai",
    "openrouter",
    "perplexity",
    "voyage",
    "xai",
)


def charged(case: dict[str, Any]) -> Decimal:
    return Decimal(
        case["reported_usd"] if "reported_usd" in case and case["priced_as"][0] in REPORTERS else case["usd"]
    )


def of_today(case: dict[str, Any]) -> bool:
    """Say whether its price still holds."""
    provider, model, _, _ = case["priced_as"]
    one = Deployment(id="d", group="m", provider=provider, model=model, priced_as=model)
    priced, _ = price_call(PriceBook(), one, read(case), now=time.time(), duration_ms=0)
    return priced is not None and pico_to_usd(priced.pico) == charged(case)


CASES = [
    pytest.param(case, id=f"{case['reader']}: {case['name']}")
    for case in (parameters.values[0] for parameters in TOLD)
    if case["reader"] in ASKED
    and case["priced_as"][0] in PROVIDERS
    and case.get("endpoint", "multimodal") == "multimodal"
    and of_today(case)
]


class Answers(BaseHTTPRequestHandler):
    """Whatever it is asked, it answers `body`."""

    body = b""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def asks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    models = {tuple(parameters.values[0]["priced_as"][:2]) for parameters in CASES}
    entries: list[Any] = [
        {"model_name": model, "litellm_params": {"model": f"{name}/{model}", "api_base": base, "api_key": "sk-x"}}
        for name, model in sorted(models)
    ]
    for entry in entries:
        if entry["litellm_params"]["model"].startswith("openai/"):
            del entry["litellm_params"]["api_base"]  # whoever stands in for OpenAI is not asked for responses
    config = {"model_list": entries, "environment_variables": {"OPENAI_API_BASE": f"{base}/v1"}}
    directory: Path = tmp_path_factory.mktemp("charges")
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    gateway = RunningGateway(directory, "--config", "config.yaml")
    try:
        gateway.wait_for("^Ready after")
        headers = {"Authorization": f"Bearer {gateway.master_key}"}
        with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as client:
            yield client
    finally:
        gateway.close()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("case", CASES)
def test_a_call_is_charged_what_its_case_says(case: dict[str, Any], asks: httpx.Client) -> None:
    provider, model, _, _ = case["priced_as"]
    path, asked = ASKED[case["reader"]]
    Answers.body = orjson.dumps(answer_of(case))
    body = asked if "{model}" in path else {"model": model, **asked}
    to = f"/{provider}{path.format(model=model)}" if path else "/v1/embeddings"
    answer = asks.post(to, json=body)
    assert answer.status_code == 200, answer.text
    told = Decimal(answer.headers.get("x-litellm-response-cost", "0"))
    assert told == charged(case)
