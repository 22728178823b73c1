"""What a call to a provider's own API concerns that the provider keeps."""

import pytest

from shared.kept.passed_objects import (
    PassedObject,
    converses,
    id_of_made,
    is_free,
    is_untold,
    makes_response,
    object_in,
)


@pytest.mark.parametrize(
    ("provider", "method", "target", "found"),
    [
        ("openai", "POST", "/v1/threads", PassedObject("openai threads", "", True)),
        ("openai", "POST", "/v1/threads/runs", PassedObject("openai threads", "", True)),
        ("openai", "GET", "/v1/threads/thread_1/messages?limit=1", PassedObject("openai threads", "thread_1", False)),
        ("openai", "POST", "/v1/threads/thread_1/runs", PassedObject("openai threads", "thread_1", False)),
        ("openai", "GET", "/v1/vector_stores/vs_1/files/file_1", PassedObject("openai vector_stores", "vs_1", False)),
        ("openai", "GET", "/v1/assistants", PassedObject("openai assistants", "", False)),
        ("openai", "DELETE", "/v1/fine_tuning/jobs/ft_1/", PassedObject("openai fine_tuning/jobs", "ft_1", False)),
        ("openai", "DELETE", "/v1/models/ft:mine", PassedObject("openai other", "ft:mine", False)),
        ("openai", "GET", "/v1/chat/completions/c_1", PassedObject("openai chat/completions", "c_1", False)),
        ("azure", "GET", "/openai/files/file_1?api-version=1", PassedObject("file", "file_1", False)),
        ("azure", "POST", "/openai/batches?api-version=1", PassedObject("batch", "", True)),
        ("anthropic", "POST", "/v1/messages/batches", PassedObject("anthropic messages/batches", "", True)),
        ("anthropic", "GET", "/v1/messages/batches/b/results", PassedObject("anthropic messages/batches", "b", False)),
        ("gemini", "DELETE", "/v1beta/files/abc", PassedObject("gemini files", "abc", False)),
        ("gemini", "POST", "/v1beta/models/m:batchGenerateContent", PassedObject("gemini batches", "", True)),
        ("vertex_ai", "GET", "/v1beta1/projects/p/interactions/a", PassedObject("vertex_ai interactions", "a", False)),
        ("gemini", "POST", "/v1beta/%69nteractions", PassedObject("gemini interactions", "", True)),
        ("gemini", "POST", "/v1beta/interactions", PassedObject("gemini interactions", "", True)),
        ("gemini", "GET", "/v1beta/interactions/v1_a?stream=true", PassedObject("gemini interactions", "v1_a", False)),
        ("gemini", "POST", "/v1beta/interactions/v1_a/cancel", PassedObject("gemini interactions", "v1_a", False)),
        ("gemini", "POST", "/v1beta/agents", PassedObject("gemini agents", "", True)),
        ("gemini", "POST", "/v1beta/webhooks/w:ping", PassedObject("gemini webhooks", "w", False)),
        ("gemini", "GET", "/v1beta/credentials", PassedObject("gemini credentials", "", False)),
        ("gemini", "GET", "/v1beta/triggers/t/executions", PassedObject("gemini triggers", "t", False)),
        ("gemini", "GET", "/v1beta/environments/e/files/a.txt", PassedObject("gemini environments", "e", False)),
        ("groq", "GET", "/openai/v1/fi%6Ces/f", PassedObject("file", "f", False)),
        ("openai", "GET", "/v1//x/../Threads/thread_1", PassedObject("openai threads", "thread_1", False)),
        ("cohere", "GET", "/v1/datasets/d_1", PassedObject("cohere datasets", "d_1", False)),
        (
            "cohere",
            "POST",
            "/v1/finetuning/finetuned-models",
            PassedObject("cohere finetuning/finetuned-models", "", True),
        ),
        ("ollama", "POST", "/api/pull", PassedObject("ollama models", "-", False)),
        ("ollama", "POST", "/API//x/../create", PassedObject("ollama models", "-", False)),
        ("ollama", "DELETE", "/api/delete", PassedObject("ollama models", "-", False)),
        ("ollama", "HEAD", "/api/blobs/sha256:0", PassedObject("ollama models", "-", False)),
        ("ollama", "POST", "/api/chat", None),
        ("ollama", "GET", "/api/tags", None),
        ("cohere", "POST", "/v2/chat", None),
        ("mistral", "POST", "/v1/conversations", PassedObject("mistral conversations", "", True)),
        ("mistral", "POST", "/v1/conversations/conv_1", PassedObject("mistral conversations", "conv_1", False)),
        ("mistral", "POST", "/v1/conversations/conv_1/restart", PassedObject("mistral conversations", "conv_1", False)),
        ("mistral", "GET", "/v1/agents/ag_1/versions/1", PassedObject("mistral agents", "ag_1", False)),
        ("mistral", "GET", "/v1/agents/pages?limit=1", PassedObject("mistral agents", "", False)),
        ("mistral", "POST", "/v1/libraries/l_1/documents", PassedObject("mistral libraries", "l_1", False)),
        ("mistral", "POST", "/v1/agents/completions", None),
        ("openai", "POST", "/v1/chat/completions", None),
        ("openai", "POST", "/v1/responses", None),
        ("anthropic", "POST", "/v1/messages", None),
        ("openai", "GET", "/v1/models", None),
        ("gemini", "POST", "/v1beta/models/files:generateContent", None),
    ],
)
def test_a_path_tells_what_is_concerned(provider: str, method: str, target: str, found: PassedObject | None) -> None:
    assert object_in(provider, method, target) == found


@pytest.mark.parametrize(
    ("kind", "answer", "made"),
    [
        ("openai assistants", b'{"metadata": {"id": "asst_2"}, "id": "asst_1"}', "asst_1"),
        ("openai threads", b'{"id": "run_1", "thread_id": "thread_1"}', "thread_1"),
        (
            "openai threads",
            b'event: thread.created\ndata: {"id": "thread_1"}\n\nevent: x\ndata: {"id": "y"}',
            "thread_1",
        ),
        ("gemini files", b'{"file": {"name": "files/abc"}}', "abc"),
        ("gemini batches", b'{"name": "batches/1", "metadata": {"name": "batches/2"}}', "1"),
        ("gemini interactions", b'{"id": "v1_a", "name": "x"}', "v1_a"),
        ("gemini interactions", b'data: {"event_type": "interaction.created", "interaction": {"id": "v1_a"}}', "v1_a"),
        ("gemini interactions", b'{"interaction": "v1_a"}', ""),
        ("gemini webhooks", b'{"id": "w_1", "name": "mine"}', "w_1"),
        ("openai threads", b"not json", ""),
        ("openai threads", b"[1]", ""),
        ("openai threads", b"event: thread.created\nda", ""),
    ],
)
def test_the_id_of_what_was_made_is_the_answers_own(kind: str, answer: bytes, made: str) -> None:
    assert id_of_made(kind, answer) == made


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_first_event_tells_an_id_in_any_framing(end: bytes) -> None:
    lines = [b"\xef\xbb\xbf: a comment", b"", b"id: 1", b"event:x", b"data:{", b'data: "id": "v1"', b"data:}", b"", b""]
    stream = end.join(lines)
    assert id_of_made("responses", stream + b'data: {"id": "v2"}' + end) == "v1"
    assert id_of_made("responses", stream[:40]) == ""


def test_a_call_that_makes_a_response_is_known_however_its_path_is_written() -> None:
    for target in ("/responses", "/openai/v1/Responses/?api-version=preview", "/v1/x/../responses"):
        assert makes_response("POST", target), target
        assert not makes_response("GET", target)
    for target in ("/v1/responses/resp_1/cancel", "/v1/chat/completions", "/v1/my-responses"):
        assert not makes_response("POST", target)


def test_a_turn_of_a_conversation_is_known() -> None:
    for target in ("/v1/conversations", "/v1/x/../Conversations/conv_1/", "/v1/conversations/conv_1/restart?a=1"):
        assert converses("mistral", "POST", target), target
        assert not converses("mistral", "GET", target)
        assert not converses("openai", "POST", target)
    assert not converses("mistral", "POST", "/v1/conversations/conv_1/history")


def test_saying_who_answers_later_is_free() -> None:
    for target in ("/v1/agents", "/v1/assistants", "/v1/agents/ag_1"):
        assert is_free("POST", target), target
    for target in ("/v1/agents/completions", "/v1/threads/t/runs", "/v1/conversations"):
        assert not is_free("POST", target), target


def test_work_whose_cost_no_answer_tells_is_known() -> None:
    for target in (
        "/v1/batch/jobs",
        "/v1/messages/batches",
        "/v1/fine_tuning/jobs",
        "/v1/threads/t/runs",
        "/v1/videos",
        "/openai/batches?a=1",
        "/v1beta/triggers",
        "/v1beta/triggers/t/executions",
    ):
        assert is_untold("POST", target), target
        assert not is_untold("GET", target)
    for target in ("/v1/threads", "/v1/messages", "/v1/files", "/v1beta/models/m:generateContent"):
        assert not is_untold("POST", target)
