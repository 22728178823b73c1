"""What a request used: as its provider says, else counted from what was read, else the most that was admitted."""

import asyncio

import msgspec

from services.router.job import Ending, Job
from services.router.providers.base import AnswerReader, OwnForm
from services.router.providers.passing import PassedAnswer
from services.router.streaming.count_tokens import counted_usage
from shared.calls import Complete
from shared.usage import Usage, usage_of


async def settle_usage(job: Job, ending: Ending) -> None:
    """Take the provider's figures; count only where it gave none for an answer it did give."""
    reader = ending.reader
    if reader is None or ending.usage_source != "none":
        return
    if isinstance(reader, PassedAnswer) and reader.goes_on and reader.is_billed and not reader.done and job.call.bound:
        ending.usage, ending.usage_source = _assumed(job.call), "assumed"  # what it will cost, nobody hears here
    elif reader.usage is not None:
        ending.usage, ending.usage_source = reader.usage, "provider"
        if not reader.done and not reader.finish_reason and (job.cut or ending.failure is not None):
            await _count_what_was_read(ending, reader.usage, reader)
    elif isinstance(reader, PassedAnswer) and not _is_counted(job, ending, reader):
        if reader.is_billed and not (ending.failure is not None and reader.is_read):
            ending.usage, ending.usage_source = _assumed(job.call), "assumed"
    elif ending.failure is None or job.answer.begun:
        own = await asyncio.to_thread(reader.counted) if isinstance(reader, OwnForm) else None
        ending.usage = own or await counted_usage(job.body, reader.text_so_far())
        ending.usage_source = "counted"


def _is_counted(job: Job, ending: Ending, reader: PassedAnswer) -> bool:
    """Whether it is known what an answer that passes had said when it ended, or was cut; an error alone says none."""
    if not reader.is_billed or reader.text_so_far():
        return reader.is_billed
    return reader.is_read and (bool(job.cut) if ending.failure is None else reader.said_something)


async def _count_what_was_read(ending: Ending, told: Usage, reader: AnswerReader) -> None:
    """Anthropic tells at a stream's start what it has read, and only at its end what it has written."""
    read = (await counted_usage(b"", reader.text_so_far())).output
    if read > told.completion_tokens:
        ending.usage = msgspec.structs.replace(told, output=told.output + read - told.completion_tokens)
        ending.usage_source = "counted"


def _assumed(call: Complete) -> Usage:
    """Return the most that a call was admitted for; of one that nothing is held for, that it was made."""
    bound = call.bound
    if bound is None:
        return Usage()
    most = {"input": bound.input_tokens, "output": bound.output_tokens * bound.n}
    for name, count in call.request.units:
        most[name] = most.get(name, 0) + count
    return usage_of(most)
