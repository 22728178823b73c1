"""The loads: each is put on every target, after a warm-up with the same load."""

from dataclasses import dataclass

SMALL_PROMPT_BYTES = 1024
LARGE_PROMPT_BYTES = 100 * 1024
FEW, MANY = 10, 10_000
"""Keys of the cases that are told apart by how many budgets are in use."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    title: str
    connections: int
    upstream: str = "at-once"  # at-once, wait-50, paced-10, or anthropic: at once, in Anthropic's dialect
    stream: bool = False
    prompt_bytes: int = SMALL_PROMPT_BYTES
    stagger_s: float = 0.0
    keys: str = "bench"
    """Whose calls: a key with a budget; `plain`: without any; `held`: one with three budgets and two limits; `few` and
    `many`: ten and ten thousand keys in turn, a budget each."""

    dialect: str = "openai"
    """Whose API the clients speak, openai or anthropic. All upstreams but `anthropic` speak OpenAI's."""

    warm_up_s: float = 2.0
    """With many keys long enough for each to have been used: what is found once for a key is there by then."""

    added: bool = False
    """Whether its latency less that of the bare upstream says something: not where the load saturates the cores."""


CASES = (
    Case("alone", "one connection", 1, added=True),
    Case("saturated", "32 connections", 32),
    Case("wait-50", "32 connections, upstream takes 50 ms", 32, upstream="wait-50", added=True),
    Case("stream-alone", "50-chunk streams in one burst, one connection", 1, stream=True, added=True),
    Case("stream", "50-chunk streams in one burst, 32 connections", 32, stream=True),
    Case(
        "stream-paced",
        "50-chunk streams, 10 ms a chunk, 64 at a time",
        64,
        upstream="paced-10",
        stream=True,
        stagger_s=0.5,  # as long as a stream: their chunks come evenly spread
        added=True,
    ),
    Case("large", "100 KB prompts, 32 connections", 32, prompt_bytes=LARGE_PROMPT_BYTES),
    Case("messages", "Anthropic to Anthropic, 32 connections", 32, upstream="anthropic", dialect="anthropic"),
    Case("messages-chat", "Anthropic to OpenAI, translated, 32 connections", 32, dialect="anthropic"),
    Case("chat-messages", "OpenAI to Anthropic, translated, 32 connections", 32, upstream="anthropic"),
    Case(
        "stream-messages",
        "50-chunk streams, Anthropic to Anthropic, 32 connections",
        32,
        upstream="anthropic",
        stream=True,
        dialect="anthropic",
    ),
    Case(
        "stream-messages-chat",
        "50-chunk streams, Anthropic to OpenAI, translated, 32 connections",
        32,
        stream=True,
        dialect="anthropic",
    ),
    Case(
        "stream-chat-messages",
        "50-chunk streams, OpenAI to Anthropic, translated, 32 connections",
        32,
        upstream="anthropic",
        stream=True,
    ),
    Case("plain-alone", "one connection, no budget and no limit", 1, keys="plain", added=True),
    Case("held-alone", "one connection, 3 budgets and 2 limits", 1, keys="held", added=True),
    Case("plain", "32 connections, no budget and no limit", 32, keys="plain"),
    Case("held", "32 connections, 3 budgets and 2 limits of one hot team", 32, keys="held"),
    Case("few", f"32 connections, {FEW} budgets in use", 32, keys="few", warm_up_s=5.0),
    Case("many", f"32 connections, {MANY:,} budgets in use", 32, keys="many", warm_up_s=5.0),
)

UPSTREAMS = ("at-once", "wait-50", "paced-10", "anthropic")


def model_for(upstream: str) -> str:
    """Return the model name that the targets route to this behaviour of the upstream."""
    return f"bench-{upstream}"


def api_base(upstream_url: str, upstream: str) -> str:
    """Return where the upstream behaves so."""
    return f"{upstream_url}/v1" if upstream in ("at-once", "anthropic") else f"{upstream_url}/{upstream}/v1"


def config_models(upstream_url: str) -> list[dict[str, object]]:
    """Return a `model_list` with one priced model for each behaviour of the upstream."""
    return [
        {
            "model_name": model_for(upstream),
            "litellm_params": {
                "model": f"{'anthropic' if upstream == 'anthropic' else 'openai'}/{model_for(upstream)}",
                "api_base": upstream_url if upstream == "anthropic" else api_base(upstream_url, upstream),
                "api_key": "sk-upstream",
                "input_cost_per_token": 0.0000025,
                "output_cost_per_token": 0.00001,
            },
        }
        for upstream in UPSTREAMS
    ]
