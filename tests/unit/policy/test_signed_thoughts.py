"""What becomes of a thought that its maker signed when something in it is masked."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from services.policy.guardrails import Blocked, Chain
from shared.config.sections.guardrails import Guardrail
from shared.payloads.sealed_thoughts import sealed, unsealed

EMAIL = {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}
CHAIN = Chain.build(
    [
        Guardrail.model_validate(
            {
                "guardrail_name": "g",
                "litellm_params": {
                    "guardrail": "litellm_content_filter",
                    "mode": "pre_call",
                    "patterns": [EMAIL],
                    "blocked_words": [{"keyword": "zeus", "action": "BLOCK"}],
                },
            }
        )
    ],
    base_dir=Path("nowhere"),
)
SAID = {"type": "text", "text": "done"}


def passed(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the body that goes on, None where it goes on as it came."""
    found = CHAIN.check_request(orjson.dumps(body), ["g"])
    assert not isinstance(found, Blocked), found
    changed: dict[str, Any] | None = None if found.body is None else orjson.loads(found.body)
    return changed


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": "c2ln"}


def of_assistant(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": list(content)}]}


def test_a_signed_thought_that_nothing_is_masked_in_stays_byte_for_byte() -> None:
    assert passed(of_assistant(thought("nothing in it"), SAID)) is None


def test_a_masked_thought_is_left_out_and_the_others_stay() -> None:
    found = passed(of_assistant(thought("ask ann@example.com"), thought("fine"), SAID))
    assert found == of_assistant(thought("fine"), SAID)


def test_a_masked_thought_that_is_all_of_a_message_becomes_its_text() -> None:
    found = passed(of_assistant(thought("ask ann@example.com")))
    assert found == of_assistant({"type": "text", "text": "ask [EMAIL_REDACTED]"})


def test_a_masked_text_beside_a_thought_leaves_the_thought_alone() -> None:
    found = passed(of_assistant(thought("fine"), {"type": "text", "text": "ann@example.com"}))
    assert found == of_assistant(thought("fine"), {"type": "text", "text": "[EMAIL_REDACTED]"})


def test_a_thought_without_a_signature_is_only_masked() -> None:
    unsigned = {"type": "thinking", "thinking": "ann@example.com", "signature": ""}
    found = passed(of_assistant(unsigned, SAID))
    assert found == of_assistant({**unsigned, "thinking": "[EMAIL_REDACTED]"}, SAID)


def test_thoughts_beside_a_chats_content_are_left_out_as_well() -> None:
    body = {"messages": [{"role": "assistant", "content": "x", "thinking_blocks": [thought("ann@example.com"), SAID]}]}
    assert passed(body) == {"messages": [{"role": "assistant", "content": "x", "thinking_blocks": [SAID]}]}


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_geminis_thought_is_left_out_and_its_answer_loses_the_signature(name: str) -> None:
    hidden = {"text": "ann@example.com", "thought": True, name: "s"}
    said = {"text": "ann@example.com", name: "s"}
    found = passed({"contents": [{"role": "model", "parts": [hidden, said]}]})
    assert found == {"contents": [{"role": "model", "parts": [{"text": "[EMAIL_REDACTED]"}]}]}


def test_thoughts_that_were_sealed_here_are_examined() -> None:
    def asked(*blocks: dict[str, Any]) -> dict[str, Any]:
        item = {"type": "reasoning", "summary": [], "encrypted_content": sealed(list(blocks))}
        return {"input": [item]}

    assert isinstance(CHAIN.check_request(orjson.dumps(asked(thought("about Zeus"))), ["g"]), Blocked)
    found = passed(asked(thought("ann@example.com"), thought("fine")))
    assert found is not None
    assert unsealed(found["input"][0]["encrypted_content"]) == [thought("fine")]
    assert passed(asked(thought("fine"))) is None


def test_what_another_has_sealed_cannot_be_read_and_passes() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAzeus"}
    assert passed({"input": [item]}) is None
