"""What a body names that a provider keeps, and which deployments have it."""

import json
from typing import Any

import pytest

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.pass_through import PassThrough, endpoint_of
from services.edge.calls.table import ENDPOINTS
from services.edge.objects.accounts import reaching
from services.edge.objects.named import NAMED_MAX, Named, may_name, named_in, named_in_form
from shared.errors import InvalidRequest
from shared.payloads.forms import Field
from shared.serving.deployments import Deployment

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def passing(provider: str) -> Endpoint:
    target = PassThrough({provider}).find(f"/{provider}/x", f"/{provider}/x".encode(), b"")
    assert target is not None
    return endpoint_of(target, "POST")


GOOGLES_FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc"
CASES: list[tuple[Endpoint, dict[str, Any], list[tuple[str, str]]]] = [
    (
        BY_NAME["/chat/completions"],
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
        [("file_id", "file-1")],
    ),
    (BY_NAME["/images/edits"], {"images": [{"file_id": "file-1"}], "mask": {"file_id": "file-2"}}, []),
    (
        BY_NAME["/responses"],
        {
            "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}],
            "tools": [
                {"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]},
                {"type": "code_interpreter", "container": "cntr_1"},
                {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-2"]}},
            ],
        },
        [
            ("file_id", "file-1"),
            ("vector_store_ids", "vs_1"),
            ("vector_store_ids", "vs_2"),
            ("container", "cntr_1"),
            ("file_ids", "file-2"),
        ],
    ),
    (
        BY_NAME["/v1/messages"],
        {
            "container": {"id": "container_1", "skills": [{"type": "custom", "skill_id": "skill_1"}]},
            "messages": [{"role": "user", "content": [{"source": {"type": "file", "file_id": "file_1"}}]}],
        },
        [("container", "container_1"), ("skill_id", "skill_1"), ("file_id", "file_1")],
    ),
    (BY_NAME["/v1/messages/count_tokens"], {"container": "container_1"}, [("container", "container_1")]),
    (
        BY_NAME["generateContent"],
        {
            "contents": [{"parts": [{"fileData": {"fileUri": "https://g.example/v1beta/files/abc?alt=media"}}]}],
            "cachedContent": "projects/p/locations/l/cachedContents/c%31",
            "tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/s"]}}],
        },
        [("fileUri", "abc"), ("cachedContent", "c1"), ("fileSearchStoreNames", "s")],
    ),
    (
        BY_NAME["streamGenerateContent"],
        {"contents": [{"parts": [{"file_data": {"file_uri": "files/abc"}}]}], "cached_content": "cachedContents/c"},
        [("file_uri", "abc"), ("cached_content", "c")],
    ),
    *[
        (BY_NAME[name], {"content": [{"type": "image_url", "image_url": {"url": GOOGLES_FILE}}]}, [("url", "abc")])
        for name in ("/chat/completions", "/responses", "/v1/messages")
    ],
    (BY_NAME["/responses"], {"input": [{"type": "input_file", "file_url": GOOGLES_FILE}]}, [("file_url", "abc")]),
    (
        BY_NAME["/chat/completions"],
        {"extra_body": {"google": {"cached_content": "cachedContents/c"}}},
        [("cached_content", "c")],
    ),
    (passing("openai"), {"assistant_id": "asst_1", "thread": {"messages": []}}, [("assistant_id", "asst_1")]),
    (passing("openai"), {"conversation": {"id": "conv_1"}}, [("conversation", "conv_1")]),
    (passing("azure"), {"previous_response_id": "resp_1"}, [("previous_response_id", "resp_1")]),
    (passing("openai"), {"training_file": "file-1"}, [("training_file", "file-1")]),
    (passing("openai"), {"input_file_id": "file-1"}, [("input_file_id", "file-1")]),
    (passing("openai"), {"video": {"id": "video_1"}}, [("video", "video_1")]),
    (passing("openai"), {"source": {"type": "file_id", "id": "file-1"}}, [("id", "file-1")]),
    (passing("anthropic"), {"source": {"type": "file", "file_id": "file_1"}}, [("file_id", "file_1")]),
    (passing("gemini"), {"previous_interaction_id": "v1_a"}, [("previous_interaction_id", "v1_a")]),
    (
        passing("gemini"),
        {"agent": "my-agent", "environment": "env_1"},
        [("agent", "my-agent"), ("environment", "env_1")],
    ),
    (passing("gemini"), {"base_agent": "my-agent", "tools": []}, [("base_agent", "my-agent")]),
    (passing("gemini"), {"environment": {"env": [{"credential": "cred_1"}]}}, [("credential", "cred_1")]),
    (passing("gemini"), {"generation_config": {"speech_config": [{"voice": "v_1"}]}}, [("voice", "v_1")]),
    (passing("gemini"), {"input": [{"type": "image", "uri": "https://g.example/v1beta/files/abc"}]}, [("uri", "abc")]),
    (passing("vertex_ai"), {"cachedContent": "projects/p/cachedContents/1"}, [("cachedContent", "1")]),
]


@pytest.mark.parametrize(("endpoint", "body", "named"), CASES)
def test_what_a_body_names_is_found_where_its_endpoint_looks(
    endpoint: Endpoint, body: dict[str, Any], named: list[tuple[str, str]]
) -> None:
    sent = json.dumps(body).encode()
    assert may_name(sent, endpoint.refers)
    found = [tuple(each) for each in named_in(sent)]
    assert sorted(found) == sorted(named or [("file_id", "file-1"), ("file_id", "file-2")])


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_body_that_names_nothing_is_only_searched(endpoint: Endpoint) -> None:
    text = 'a "file" with é, <b> & a \\ and \n: cachedContents, file-1'
    asked = {"model": "m", "messages": [{"role": "user", "content": text}], "tool_call_id": "c", "id": "file-1"}
    assert not may_name(json.dumps(asked).encode(), endpoint.refers)
    go = json.dumps(asked).replace("<", "\\u003c").replace("&", "\\u0026").encode()  # as Go's encoder writes them
    assert not may_name(go, endpoint.refers)


def test_a_name_that_hides_behind_escapes_is_found() -> None:
    body = rb'{"\u0066ile\u005fid": "file-\u0031"}'
    assert may_name(body, BY_NAME["/chat/completions"].refers)
    assert named_in(body) == (Named("file_id", "file-1"),)


@pytest.mark.parametrize(
    "body",
    [
        b'{"file_id": "mine", "file_id": "anothers"}',
        b'{"container": {"id": "mine", "id": "anothers"}}',
        b'{"file_id": ',
    ],
)
def test_a_body_that_a_provider_may_read_otherwise_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"stands twice|cannot be read"):
        named_in(body)


def test_what_is_no_id_is_not_looked_for() -> None:
    odd = {"file_id": None, "container": {"type": "auto"}, "file_ids": [1, "", "x" * 5_000, {"id": 2}]}
    assert named_in(json.dumps(odd).encode()) == ()
    assert named_in(b"file_id is what a text says") == ()


def test_a_body_names_no_more_than_can_be_looked_up() -> None:
    most = [f"file-{number}" for number in range(NAMED_MAX)]
    assert len(named_in(json.dumps({"file_ids": most * 2}).encode())) == NAMED_MAX
    with pytest.raises(InvalidRequest) as refused:
        named_in(json.dumps({"file_ids": [*most, "one-more"]}).encode())
    assert refused.value.param == "file_ids"


def test_the_plain_fields_of_a_form_are_looked_at() -> None:
    fields = (Field("file_ids[]", b"file-1"), Field("file", b"file-2", "file_id"), Field("purpose", b"file-3"))
    assert named_in_form(fields) == (Named("file_ids", "file-1"),)


def deployment(name: str, **fields: Any) -> Deployment:
    known: dict[str, Any] = {"provider": "openai", "api_key": "sk-1", "model": "m", "priced_as": "m", "group": "g"}
    return Deployment(id=name, **{**known, **fields})


def test_a_deployment_with_the_same_credential_has_what_another_keeps() -> None:
    holder, same = deployment("a"), deployment("b", model="other", group="h")
    others = (
        deployment("c", api_key="sk-2"),
        deployment("d", provider="azure"),
        deployment("e", api_base="https://elsewhere"),
        deployment("f", organization="org-2"),
        deployment("g", sign_in={"aws_profile_name": "p"}),
    )
    assert reaching(holder, (*others, same)) == (same,)
    assert reaching(holder, (others[0], holder)) == (holder,)


def test_another_credential_at_the_same_place_may_have_it() -> None:
    holder, other = deployment("a"), deployment("b", api_key="sk-2")
    assert reaching(holder, (deployment("c", provider="azure"), other)) == (other,)
    known = deployment("d", api_base="https://api.openai.com/v1", organization="org-1")
    assert reaching(holder, (known,)) == (known,)  # what is not said is the provider's own, or the environment's
    assert reaching(known, (deployment("e", api_base="https://elsewhere"),)) == ()
    assert reaching(holder, (deployment("c", provider="azure"),)) == ()
