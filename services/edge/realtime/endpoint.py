"""The one endpoint that is a WebSocket: the same door as all others, by its own way."""

from services.edge.calls.endpoint import Endpoint
from shared.calls import REALTIME_SESSION

REALTIME = Endpoint(
    name="/realtime",
    summary="A realtime session, OpenAI's API over a WebSocket",
    call_type=REALTIME_SESSION,
    paths=("/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime"),
    client_headers=(b"openai-beta", b"openai-safety-identifier"),
)
