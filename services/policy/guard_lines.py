"""Guardrails over the lines of a batch's input file: each is a request, examined as if it had been sent by itself."""

import asyncio
from collections.abc import Sequence

import msgspec

from services.policy.guardrails import Blocked, Chain
from shared.bus import Bus
from shared.errors import BlockedByGuardrail
from shared.payloads.bodies import body_parts
from shared.payloads.line_reader import LineReader
from shared.payloads.spool import Spool

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


async def guard_lines(bus: Bus, ref: str, size: int, chain: Chain, names: Sequence[str]) -> Spool | Blocked | None:
    """Return why a line is blocked, the file with what was masked, or None where nothing was.

    The caller closes the file.

    Raises:
        BodyGone
        LineTooLong: the edge has let no such line through.
    """
    reader, guarded, changed = LineReader(), Spool(), False
    try:
        async for part in body_parts(bus, ref, size):
            for number, line in reader.feed(part):
                seen = _examined(chain, names, number, line)
                if isinstance(seen, Blocked):
                    guarded.close()
                    return seen
                changed |= seen is not line
                guarded.append(seen + b"\n")
            await asyncio.sleep(0)  # others' requests are decided meanwhile
        for number, line in reader.end():
            seen = _examined(chain, names, number, line)
            if isinstance(seen, Blocked):
                guarded.close()
                return seen
            changed |= seen is not line
            guarded.append(seen + b"\n")
    except BaseException:
        guarded.close()
        raise
    if changed:
        return guarded
    guarded.close()
    return None


def _examined(chain: Chain, names: Sequence[str], number: int, line: bytes) -> bytes | Blocked:
    """Return the line, another one where something in its body is masked, or why it is blocked."""
    fields = _decode(line)
    body = bytes(memoryview(fields.get("body", msgspec.Raw(b"{}"))))
    verdict = chain.check_request(body, names)
    if isinstance(verdict, Blocked):
        error = verdict.error
        told = BlockedByGuardrail(f"line {number}: {error.message}", type=error.type, fields=error.fields, param="file")
        return Blocked(verdict.guardrail, told)
    if verdict.body is None:
        return line
    return _encode({**fields, "body": msgspec.Raw(verdict.body)})
