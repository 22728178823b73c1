"""Clients that keep asking while processes die around them, and note what each answer promised."""

import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException

REQUEST_TIMEOUT_S = 8.0
HANGS_AFTER_S = REQUEST_TIMEOUT_S + 4.0
"""A request that is not over by then hangs beyond its deadline."""

INPUT_USD, OUTPUT_USD = 1_000_000, 2_000_000  # pico-dollars a token, as the test's configuration prices them


@dataclass
class Seen:
    """`answered`: request id -> what its usage says it cost, in pico-dollars, for every whole answer."""

    answered: dict[str, int] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    broken: int = 0  # connection refused or cut: edge itself was not killed, so this stays 0
    hung: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def keep_asking(url: str, key: str, number: int, stop: threading.Event, seen: Seen) -> None:
    """Ask until `stop`: in turn plain and streamed, with other sizes each time."""
    turn = 0
    while not stop.is_set():
        turn += 1
        words = 1 + (number * 7 + turn) % 9
        body = {
            "model": "sim",
            "messages": [{"role": "user", "content": "one two three"}],
            "max_tokens": 20,
            "stream": turn % 2 == 0,
            "stream_options": {"include_usage": True},
            "simulated": {"text": " ".join(["word"] * words), "delay_ms": 5, "chunk_delay_ms": 2},
        }
        if turn % 2:
            del body["stream_options"]
        began = time.monotonic()
        try:
            request_id, text = _ask(url, key, body)
        except urllib.error.HTTPError as error:
            with seen.lock:
                seen.refused[error.code] = seen.refused.get(error.code, 0) + 1
            error.close()
            time.sleep(0.05)
        except (OSError, HTTPException):
            with seen.lock:
                seen.broken += 1
            time.sleep(0.05)
        else:
            cost = _promised(text)
            if cost is not None:
                with seen.lock:
                    seen.answered[request_id] = cost
        took = time.monotonic() - began
        if took > HANGS_AFTER_S:
            with seen.lock:
                seen.hung.append(took)


def _ask(url: str, key: str, body: object) -> tuple[str, str]:
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "x-litellm-timeout": str(REQUEST_TIMEOUT_S),
            "x-litellm-num-retries": "0",
        },
    )
    with urllib.request.urlopen(request, timeout=HANGS_AFTER_S * 2) as answer:
        return answer.headers["x-litellm-call-id"], answer.read().decode()


def _promised(text: str) -> int | None:
    """Return what the answer's usage costs, or None for a stream that broke off: it has no [DONE]."""
    if text.startswith("data:"):
        if not text.rstrip().endswith("data: [DONE]"):
            return None
        events = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data: {")]
        usage = next(event["usage"] for event in reversed(events) if event.get("usage"))
    else:
        usage = json.loads(text)["usage"]
    return int(usage["prompt_tokens"]) * INPUT_USD + int(usage["completion_tokens"]) * OUTPUT_USD
