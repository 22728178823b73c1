"""Facts: what happened, in the past tense, frozen, versioned. docs/events.md says when, why, and who reads each.

A published version never changes; fields may be added with a default, anything else is a new version.
"""

from shared.facts.batch import BatchPriced, CompletionDeferred, PricedLine
from shared.facts.budget import BudgetReset, BudgetThresholdCrossed
from shared.facts.completion import Attempt, CompletionFinished, CompletionLost, PriceUsed
from shared.facts.header import Fact, encode_fact
from shared.facts.request import RequestAdmitted, RequestDenied, RequestReceived

__all__ = [
    "Attempt",
    "BatchPriced",
    "BudgetReset",
    "BudgetThresholdCrossed",
    "CompletionDeferred",
    "CompletionFinished",
    "CompletionLost",
    "Fact",
    "PriceUsed",
    "PricedLine",
    "RequestAdmitted",
    "RequestDenied",
    "RequestReceived",
    "encode_fact",
]
