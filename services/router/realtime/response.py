"""One response of a session, from its admission to its end."""

import asyncio

from services.router.job import Job
from services.router.realtime.context import Mark
from services.router.realtime.response_reader import ResponseReader
from shared.errors import GatewayError


class Response:
    """`over` is done when nothing more will come of it; `stored` is set once its fact is."""

    def __init__(self, job: Job, reader: ResponseReader, *, event_id: str, mark: Mark, most: int | None) -> None:
        """`event_id` names its response.create; `mark`: what the conversation came to at that time; `most` tokens are
        paid for, None: any.
        """
        self.job = job
        self.reader = reader
        self.event_id = event_id
        self.mark = mark
        self.most = most
        self.in_conversation = True
        self.started_ms = 0
        self.first_ms = 0
        self.cancelled = False
        self.over: asyncio.Future[GatewayError | None] = asyncio.get_running_loop().create_future()
        self.stored = asyncio.Event()

    def end(self, failure: GatewayError | None) -> None:
        if not self.over.done():
            self.over.set_result(failure)

    @property
    def is_past_line(self) -> bool:
        """Whether more was heard of it than is paid for: the provider does not keep to the maximum it was given."""
        return self.most is not None and self.reader.spoken_tokens > self.most
