"""HTTP as some clients write it: very large, in chunks, in one breath, broken off, or not at all."""

import base64
import json
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.journey.recording_provider import RecordingProvider
from tests.running_gateway import RunningGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
MB = 1_048_576


def with_images(text: str, size: int) -> bytes:
    image = base64.b64encode(os.urandom(size // 4 * 3 // 4)).decode()
    parts: list[Any] = [{"type": "text", "text": text}]
    parts += [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}] * 4
    return json.dumps({"model": "recorded", "messages": [{"role": "user", "content": parts}]}).encode()


def test_twenty_megabytes_with_images_reach_the_provider_whole(
    master: httpx.Client, provider: RecordingProvider
) -> None:
    body = with_images("large-question", 20 * MB)
    assert len(body) > 19.9 * MB
    answer = master.post("/v1/chat/completions", content=body)
    assert answer.status_code == 200, answer.text
    (asked,) = provider.asked_with("large-question")
    assert asked["messages"] == json.loads(body)["messages"]


def test_a_large_request_of_a_budgeted_key_is_held_by_its_images_not_by_their_bytes(
    master: httpx.Client, new_key: Callable[..., str], provider: RecordingProvider
) -> None:
    headers = {"Authorization": f"Bearer {new_key(max_budget=0.25)}"}  # four images count as 0.2 dollars at most
    answer = master.post("/v1/chat/completions", content=with_images("held-question", 2 * MB), headers=headers)
    assert answer.status_code == 200, answer.text
    as_text = json.dumps({"model": "recorded", "messages": [{"role": "user", "content": "x" * 2 * MB}]})
    refused = master.post("/v1/chat/completions", content=as_text, headers=headers)
    assert refused.status_code == 422


def test_more_than_the_limit_is_refused_with_what_to_do(master: httpx.Client) -> None:
    body = b'{"model":"demo","messages":[{"role":"user","content":"' + b"x" * 33 * MB + b'"}]}'
    answer = master.post("/v1/chat/completions", content=body)
    assert answer.status_code == 413
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("request_too_large", "413")
    assert "32 MB" in error["message"]
    assert "max_request_size_mb" in error["message"]


def test_an_endless_body_in_chunks_is_refused_at_the_limit(master: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"model":"demo","messages":[{"role":"user","content":"'
        for _ in range(40):
            yield b"x" * MB

    assert master.post("/v1/chat/completions", content=endless()).status_code == 413


def test_an_answer_larger_than_a_message_of_the_bus_arrives_whole(master: httpx.Client) -> None:
    text = " ".join(f"word-{number}" for number in range(150_000))
    body = {"model": "demo", "messages": HELLO, "simulated": {"text": text}}
    assert master.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"] == text


def test_a_long_stream_arrives_whole(master: httpx.Client) -> None:
    words = [f"word-{number}" for number in range(3_000)]
    body = {"model": "demo", "messages": HELLO, "stream": True, "simulated": {"text": " ".join(words)}}
    answer = master.post("/v1/chat/completions", json=body)
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    deltas = [choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"]]
    assert "".join(deltas) == " ".join(words)


class Wire:
    """HTTP by hand: what is sent, byte for byte, and what comes back."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._address = ("127.0.0.1", gateway.port)
        self.body = json.dumps({"model": "demo", "messages": HELLO}).encode()
        self.headers = (
            f"Host: gateway\r\nAuthorization: Bearer {gateway.master_key}\r\nContent-Type: application/json\r\n"
        ).encode()

    def say(self, *parts: bytes, answers: int = 1) -> bytes:
        """Send the parts one by one; return what came until there were so many answers, or the end."""
        with socket.create_connection(self._address, timeout=5) as connection:
            for part in parts:
                connection.sendall(part)
            heard = b""
            while heard.count(b"HTTP/1.1 ") < answers or not self._is_whole(heard):
                received = connection.recv(65_536)
                if not received:
                    break
                heard += received
            return heard

    def request(self, line: bytes = b"POST /v1/chat/completions HTTP/1.1", more: bytes = b"") -> bytes:
        length = b"Content-Length: %d\r\n" % len(self.body)
        return line + b"\r\n" + self.headers + more + length + b"\r\n" + self.body

    @staticmethod
    def _is_whole(heard: bytes) -> bool:
        head, found, body = heard.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
        if not found:
            return False
        lengths = [int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")]
        return bool(lengths) and len(body) >= lengths[0]


@pytest.fixture
def wire(gateway: RunningGateway) -> Wire:
    return Wire(gateway)


def test_a_body_in_chunks_without_a_length_is_read(wire: Wire) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (wire.body[:7], wire.body[7:])) + b"0\r\n\r\n"
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + wire.headers + b"Transfer-Encoding: chunked\r\n\r\n"
    assert wire.say(head, chunks[:20], chunks[20:]).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_waits_to_be_asked_for_is_asked_for(wire: Wire) -> None:
    request = wire.request(more=b"Expect: 100-continue\r\n")
    heard = wire.say(request[: -len(wire.body)], wire.body, answers=2)
    assert heard.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_an_old_client_is_answered_and_its_connection_closed(wire: Wire) -> None:
    heard = wire.say(wire.request(b"POST /v1/chat/completions HTTP/1.0"), answers=2)
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert b"hello there" in heard


def test_requests_sent_in_one_breath_are_answered_in_their_order(wire: Wire) -> None:
    bodies = [json.dumps({"model": "demo", "messages": [{"role": "user", "content": f"n-{n}"}]}) for n in range(5)]
    breath = b""
    for body in bodies:
        wire.body = body.encode()
        breath += wire.request()
    heard = wire.say(breath, answers=5)
    assert [heard.index(b"n-%d" % number) for number in range(5)] == sorted(
        heard.index(b"n-%d" % number) for number in range(5)
    )


@pytest.mark.parametrize(
    "broken",
    [
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"POST /caf\xc3\xa9 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_gateway_goes_on(wire: Wire, broken: bytes) -> None:
    assert wire.say(broken).startswith(b"HTTP/1.1 400 ")
    assert wire.say(wire.request()).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_leaves_before_its_body_is_whole_harms_nobody(wire: Wire, master: httpx.Client) -> None:
    with socket.create_connection(wire._address, timeout=5) as connection:
        connection.sendall(wire.request()[:-10])
    assert wire.say(wire.request()).startswith(b"HTTP/1.1 200 ")
    text = master.get("/metrics/").text
    assert "litellm_in_flight_requests 0.0" in text


def test_a_path_is_the_same_however_it_is_escaped(wire: Wire) -> None:
    assert wire.say(wire.request(b"POST /v1/chat%2Fcompletions HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
    assert wire.say(wire.request(b"POST http://gateway/v1/chat/completions HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
    heard = wire.say(wire.request(b"POST /openai/deployments/%ff%00/chat/completions HTTP/1.1"))
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"Invalid model name" in heard


def test_a_header_of_a_megabyte_harms_nobody(wire: Wire) -> None:
    heard = wire.say(wire.request(more=b"X-Large: " + b"a" * MB + b"\r\nUser-Agent: " + b"b" * MB + b"\r\n"))
    assert heard.startswith(b"HTTP/1.1 200 ")


def test_the_documentation_is_served_without_the_internet(master: httpx.Client) -> None:
    page = master.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/assets/{asset}" in page.text
        assert len(master.get(f"/docs/assets/{asset}").content) > 10_000
    document = master.get("/openapi.json").json()
    assert {"/v1/chat/completions", "/key/generate", "/spend/logs"} <= document["paths"].keys()


def test_a_guardrail_reads_a_large_request_to_its_end(master: httpx.Client, provider: RecordingProvider) -> None:
    words = "guarded-question " + "word " * 400_000
    for ending, status in (("project-zebra", 400), ("project-horse", 200)):
        body = {"model": "recorded", "messages": [{"role": "user", "content": words + ending}]}
        assert master.post("/v1/chat/completions", json=body).status_code == status
    (asked,) = provider.asked_with("guarded-question")
    assert asked["messages"][0]["content"] == words + "project-horse"
