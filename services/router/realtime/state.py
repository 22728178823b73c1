"""What both sides of a session know of it while it lasts."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from services.router.job import Job
from services.router.realtime.client_events import Allowed
from services.router.realtime.context import Context, bytes_per_ms
from services.router.transport.socket import ABNORMAL, Socket, SocketClosed
from shared.errors import GatewayError, ProviderFailed
from shared.frames import Close
from shared.realtime import error_event
from shared.serving.deployments import Deployment

BAD_GATEWAY = 1011
REFUSED = 1008


class Ended(NamedTuple):
    """`failure` is the provider's or ours: the session did not end because somebody wished it."""

    close: Close
    failure: GatewayError | None = None


@dataclass(slots=True)
class State:
    """`provider` is its name in messages. The settings are the session's as the provider tells them."""

    job: Job
    deployment: Deployment
    provider: str
    socket: Socket
    router: str
    guardrails: tuple[str, ...]
    allowed: Allowed
    context: Context = field(default_factory=Context)
    spoken_per_ms: int = bytes_per_ms({}, "output")
    maximum_field: str = "max_output_tokens"
    maximum: int | None = None  # of a response's tokens, where the client set one
    answers_turns: bool = False  # the client wants a response after each turn that is heard
    own_update: str = ""  # the id of the update that was sent before all others, until it is answered
    client_commits: int = 0  # commits of the client that the provider has not told of yet
    opened: asyncio.Event = field(default_factory=asyncio.Event)  # the provider has told of the session, and was told
    ended: asyncio.Future[Ended] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def id(self) -> str:
        return self.job.call.request.request_id

    @property
    def is_over(self) -> bool:
        return self.ended.done()

    def tell(self, event: bytes) -> None:
        """Send the client an event."""
        self.job.answer.message(event)

    def tell_failure(self, failure: GatewayError, event_id: str | None = None) -> None:
        self.tell(error_event(failure, event_id))

    def end(self, ended: Ended) -> None:
        if not self.ended.done():
            self.ended.set_result(ended)

    def provider_closed(self, closed: SocketClosed) -> None:
        if closed.code == ABNORMAL:
            failure = ProviderFailed(f"{self.provider} broke off the session", fields={"provider": self.provider})
            self.end(Ended(Close(BAD_GATEWAY, "the provider broke off the session"), failure))
        else:
            self.end(Ended(Close(_sendable(closed.code), closed.reason)))


def _sendable(code: int) -> int:
    """Return the code where a server may send it to its client: some only say how a connection ended."""
    return code if code in (1000, 1001, 1008, 1009, 1011, 1012, 1013) or 3000 <= code < 5000 else BAD_GATEWAY
