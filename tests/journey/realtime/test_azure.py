"""Sessions at Azure OpenAI: its API without dates and a dated one, which has the preview's names; a key and tokens."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.journey.realtime.talking import Eventually, NewKey, Open, ask, hear, refused, rows, say, token_of
from tests.journey.speakers import DATED, TOKEN, Speakers
from tests.provider_servers.realtime import AZURES_DATED, AZURES_V1, RealtimeServer
from tests.running_gateway import RunningGateway

V1_QUERY = {"model": ["voice"]}
DATED_QUERY = {"deployment": ["voice"], "api-version": [DATED]}
BUDGET_USD = 5.0


@pytest.mark.parametrize(
    ("model", "path", "query", "credential"),
    [
        ("talk-azure", AZURES_V1, V1_QUERY, {"api-key": "sk-provider"}),
        ("talk-azure-v1", AZURES_V1, V1_QUERY, {"api-key": "sk-provider"}),
        ("talk-azure-dated", AZURES_DATED, DATED_QUERY, {"api-key": "sk-provider"}),
        ("talk-azure-token", AZURES_DATED, DATED_QUERY, {"authorization": f"Bearer {TOKEN}"}),
        ("talk-azure-entra", AZURES_V1, V1_QUERY, {"authorization": "Bearer eyJ0.token-"}),
    ],
)
def test_each_form_of_the_address_and_of_the_credential_makes_responses_that_are_held_and_priced(
    opened: Open,
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
    model: str,
    path: str,
    query: dict[str, list[str]],
    credential: dict[str, str],
) -> None:
    key = new_key(max_budget=BUDGET_USD)
    session = opened(key, f"/v1/realtime?model={model}")
    hear(session, "session.created")
    sent = speaker.handshakes[-1]
    assert (urlsplit(sent.path).path, parse_qs(urlsplit(sent.path).query)) == (path, query)
    for name in ("api-key", "authorization"):
        assert sent.headers.get(name, "").startswith(credential.get(name, "")), name
        assert (name in sent.headers) is (name in credential)
    dated = path == AZURES_DATED
    terms = {"modalities": ["text"]} if dated else {"output_modalities": ["text"]}
    say(
        session,
        "response.create",
        response={**terms, "max_response_output_tokens" if dated else "max_output_tokens": 3},
    )
    hear(session, "response.text.delta" if dated else "response.output_text.delta")
    response = hear(session, "response.done")["response"]
    assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 3)
    created = speaker.events("response.create")[-1]["response"]
    assert created["max_response_output_tokens" if dated else "max_output_tokens"] == 3
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert row["spend"] == pytest.approx(response["usage"]["input_tokens"] * 4e-6 + 3 * 16e-6)
    assert (row["custom_llm_provider"], row["model"], row["model_group"]) == ("azure", "azure/voice", model)


def test_a_token_that_azure_takes_no_more_is_replaced_by_a_new_one(
    opened: Open, gateway: RunningGateway, speakers: Speakers
) -> None:
    hear(opened(gateway.master_key, "/v1/realtime?model=talk-azure-entra"), "session.created")
    given = len(speakers.entra.given)
    hear(opened(gateway.master_key, "/v1/realtime?model=talk-azure-entra"), "session.created")
    assert len(speakers.entra.given) == given, "a token is kept"
    speakers.plain.tokens = speakers.entra.given[given:]
    try:
        status, error = refused(opened, gateway.master_key, "/v1/realtime?model=talk-azure-entra")
        assert (status, error["type"]) == (401, "provider_auth_error"), error
        speakers.plain.tokens = speakers.entra.given
        session = opened(gateway.master_key, "/v1/realtime?model=talk-azure-entra")
        hear(session, "session.created")
    finally:
        speakers.plain.tokens = speakers.entra.given
    assert len(speakers.entra.given) == given + 1
    assert speakers.plain.handshakes[-1].headers["authorization"] == f"Bearer {speakers.entra.given[-1]}"
    assert ask(session)["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("model", "expected", "told"),
    [("talk-azure-refused", 401, "Incorrect API key"), ("talk-azure-nobody", 404, "does not exist")],
)
def test_what_azure_refuses_is_told(
    opened: Open, gateway: RunningGateway, model: str, expected: int, told: str
) -> None:
    status, error = refused(opened, gateway.master_key, f"/v1/realtime?model={model}")
    assert (status, told in error["message"]) == (expected, True), json.dumps(error)
