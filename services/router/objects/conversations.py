"""What is remembered of Mistral's conversations and agents, for the turns that follow: shared/kept/conversations.py."""

from typing import Any

import msgspec

from services.router.job import Ending, Job, now_ms
from shared.bus import Bus
from shared.identity.owner_names import owner_of
from shared.kept.conversations import AGENTS, Begun, Conversation, begun_by, conversation_in, encode_conversation
from shared.kept.owned import ANYBODY, Owned, find_owned, keep_owned
from shared.kept.passed_objects import PassedObject, converses


async def keep_conversing(bus: Bus, job: Job, ending: Ending, concerned: PassedObject) -> bool:
    """Remember a turn, or an agent, of the caller's; return whether the call was of such.

    Raises:
        BusError
    """
    request, deployment, reader = job.call.request, ending.deployment, ending.reader
    if deployment is None or reader is None:
        return False
    method, target = request.passed
    turn = converses(deployment.provider, method, target)
    agent = concerned.kind == AGENTS and (concerned.makes or method == "PATCH")
    object_id = reader.response_id if turn or concerned.makes else concerned.id
    if not (turn or agent) or not object_id:
        return False
    caller, begun = request.caller, begun_by(job.body)
    owner = owner_of(caller.key, caller.user_id, caller.team_id)
    before = None if concerned.makes else await find_owned(bus, concerned.kind, ANYBODY, concerned.id)
    if before is None:
        before = Owned(
            concerned.kind, object_id, owner, caller.key, request.group, request.model, deployment.id, now_ms()
        )
    known = conversation_in(before.shown)
    shown = Conversation(
        object_id,
        concerned.kind,
        ending.usage.total_tokens if turn else 0,
        await _tools(bus, begun, known, owner) if begun.tools is not None or concerned.makes else known.tools,
    )
    changes: dict[str, Any] = {"shown": encode_conversation(shown)}
    if object_id != before.id:  # a conversation that was begun anew at one of its turns
        changes |= {"id": object_id, "owner": owner, "key": caller.key, "created_ms": now_ms()}
    elif agent and isinstance(begun.model, str):
        changes["model"] = begun.model
    await keep_owned(bus, msgspec.structs.replace(before, **changes))
    return True


async def _tools(bus: Bus, begun: Begun, known: Conversation, owner: str) -> list[dict[str, Any]]:
    """Return the tools that a body names, else those of its agent."""
    if begun.own_tools or not begun.agent:
        return begun.own_tools
    agent = await find_owned(bus, AGENTS, owner, begun.agent)
    return conversation_in(agent.shown).tools if agent is not None else known.tools
