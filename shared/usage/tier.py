"""Which of a provider's service tiers a call was served on, by one name for all providers."""

_TIERS = {
    "batch": "batch",
    "flex": "flex",
    "priority": "priority",
    "fast": "fast",
    "on_demand_flex": "flex",  # Vertex AI's trafficType
    "on_demand_priority": "priority",
    "provisioned_throughput": "provisioned",
    "reserved": "provisioned",  # Bedrock's
    "scale": "provisioned",  # OpenAI's
}


def tier_of(said: object) -> str:
    """Return batch, flex, priority, fast or provisioned, which is capacity that is paid for in advance.

    "" for the usual tier, whatever a provider calls that one.
    """
    return _TIERS.get(said.lower(), "") if isinstance(said, str) else ""
