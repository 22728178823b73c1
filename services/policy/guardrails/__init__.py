"""The guardrails of a request: what may not be asked, and what is masked before a provider sees it.

Owns: the chain built from `guardrails:` of the configuration, and the one guardrail there is, the content filter.
Invariants: pure and synchronous; every text of a request is examined or the request is refused; what is not masked
stays byte for byte; no answer or warning ever repeats what a pattern found.
"""

from services.policy.guardrails.chain import Blocked, Chain, Passed
from services.policy.guardrails.failure import GuardrailConfigError

__all__ = ["Blocked", "Chain", "GuardrailConfigError", "Passed"]
