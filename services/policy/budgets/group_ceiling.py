"""The most that anything can cost at a model group: the dearest of all deployments that may serve it. Pure."""

import re
from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple, Protocol

import msgspec

from shared.prices import PriceRow, batch_rows, ceiling_pico, max_output_tokens
from shared.prices.cost import input_rate_ceiling, output_rate_ceiling, unit_rate_ceiling
from shared.serving.deployments import Deployment

IMAGE_TOKENS = 5_000
"""What one image counts as at most with Anthropic, and with the models of OpenAI of which it is known: eight tiles of
170 and 85, or 1,536 patches at up to 2.46 each. https://platform.openai.com/docs/guides/images-vision"""
IMAGE_TOKENS_MAX = 50_000
"""What it can count as elsewhere: gpt-4o-mini's worst case, eight tiles of 5,667 and 2,833."""
_KNOWN_IMAGES = re.compile(
    r"(?:.*/)?(?:gpt-4o(?!-mini)|chatgpt-4o|gpt-4\.1|gpt-4-turbo|o[134](?:$|-)|gpt-5(?:\.[12])?(?:$|-))"
)

TOOL_TOKENS = 1_000
"""The instructions a provider adds where tools are given: Anthropic's are 346 tokens at most today.
https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview#pricing"""

_OWN_TOKENIZER = re.compile(r"(?:.*/)?(?:gpt-[345]|o\d|chatgpt-4o|gpt-35)")
_O200K = re.compile(r"(?:.*/)?(?:gpt-4o|gpt-4\.[15]|gpt-5|o\d|chatgpt-4o)")
MARGIN = 1.35
"""On what any known tokenizer makes of a text, for the unpublished ones. Anthropic's newest makes up to 1.35 times as
many tokens as the one before. https://platform.claude.com/docs/en/about-claude/models/migration-guide"""


class Template(NamedTuple):
    """Tokens that a chat template puts around a conversation, and around each message."""

    request: int
    message: int


OPENAI_TEMPLATE = Template(3, 5)
"""https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb"""
OTHER_TEMPLATE = Template(12, 8)
_TALKATIVE = (("gpt-oss", Template(160, 8)), ("llama", Template(64, 8)), ("qwen", Template(64, 8)))
"""Templates with a system message of their own, in their published tokenizer_config.json."""

DAY_S = 86_400

BATCH = "of a batch"
"""Stands for the tier of a batch's lines, which no request can ask for and nothing else is served on."""

_MAXIMA = ("max_tokens", "max_completion_tokens")


class Kind(NamedTuple):
    """What must have a price: the text it writes, and units of other classes than tokens of text; on which tier.

    `passes`: it goes out as it is, and may be for a model that writes nothing.
    """

    writes: bool
    units: tuple[str, ...]
    tier: str = ""
    passes: bool = False


CHAT_KIND = Kind(True, ())


class GroupCeiling(NamedTuple):
    """Pico-dollars a token at the dearest; `output_tokens` None where no model's maximum is known."""

    input_rate: int
    output_rate: int
    per_request: int
    image_tokens: int
    output_tokens: int | None
    unpriced: tuple[str, ...]
    n: int = 1  # answers that a deployment asks for by itself
    forced_output: int = 0  # the maximum a deployment sends whatever was admitted
    added_tokens: int = 0  # of what a deployment adds to a request
    o200k: bool = False  # all of them count as OpenAI's newer models do
    margin: float = MARGIN
    template: Template = OTHER_TEMPLATE
    unit_rates: tuple[int, ...] = ()  # of the kind's units
    per_ms: int = 0  # of the call's duration
    providers: tuple[str, ...] = ()  # who may come to serve it, each once


class RowsOf(Protocol):
    def __call__(self, deployment: Deployment, tier: str, *, start: float, end: float) -> list[PriceRow]: ...


def ceiling_of(candidates: Sequence[Deployment], kind: Kind, *, start: float, rows_of: RowsOf) -> GroupCeiling:
    """Return what a call of `kind` costs at most at any of `candidates`, on the day that begins at `start`."""
    rows: list[PriceRow] = []
    unpriced: list[str] = []
    outputs: list[int | None] = []
    for deployment in candidates:
        # What is admitted today may be priced tomorrow.
        end = start + 2 * DAY_S - 1
        if kind.tier == BATCH:
            found = batch_rows(deployment, start=start, end=end + DAY_S)
        else:
            found = rows_of(deployment, kind.tier, start=start, end=end)
        if not found or not all(_is_whole(row, kind) for row in found):
            unpriced.append(f"{deployment.provider}/{deployment.model}")
        rows += found
        outputs.append(deployment.max_output_tokens or max_output_tokens(deployment.provider, deployment.priced_as))
    known = [limit for limit in outputs if limit is not None]
    return GroupCeiling(
        input_rate=max((ceil(input_rate_ceiling(row)) for row in rows), default=0),
        output_rate=max((ceil(output_rate_ceiling(row)) for row in rows), default=0),
        per_request=max((ceiling_pico(row, input_tokens=0, output_tokens=0) for row in rows), default=0),
        per_ms=max((ceil(unit_rate_ceiling(row, "compute_ms")) for row in rows), default=0),
        image_tokens=max(map(_image_tokens_of, candidates), default=0),
        output_tokens=max(known) if known and len(known) == len(outputs) else None,
        unpriced=tuple(unpriced),
        n=max((_answers_of(deployment) for deployment in candidates), default=1),
        forced_output=max((_forced_output_of(deployment) for deployment in candidates), default=0),
        added_tokens=max((_added_tokens_of(deployment) for deployment in candidates), default=0),
        o200k=all(_O200K.match(deployment.priced_as) for deployment in candidates),
        margin=1.0 if all(_OWN_TOKENIZER.match(deployment.priced_as) for deployment in candidates) else MARGIN,
        template=_largest(_template_of(deployment.priced_as) for deployment in candidates),
        unit_rates=tuple(max((ceil(unit_rate_ceiling(row, name)) for row in rows), default=0) for name in kind.units),
        providers=tuple(dict.fromkeys(deployment.provider for deployment in candidates)),
    )


def _image_tokens_of(deployment: Deployment) -> int:
    known = deployment.provider == "anthropic" or _KNOWN_IMAGES.match(deployment.priced_as)
    return IMAGE_TOKENS if known else IMAGE_TOKENS_MAX


def _template_of(model: str) -> Template:
    if _OWN_TOKENIZER.match(model):
        return OPENAI_TEMPLATE
    name = model.lower()
    return next((template for known, template in _TALKATIVE if known in name), OTHER_TEMPLATE)


def _largest(templates: Iterable[Template]) -> Template:
    found = list(templates) or [OTHER_TEMPLATE]
    return Template(*(max(column) for column in zip(*found, strict=True)))


def _is_whole(row: PriceRow, kind: Kind) -> bool:
    """Whether the row can price such a call: by the call or its duration, by the text on each side, or by its units.

    Where text is written, a price for one side alone leaves the other unknown; a call that goes out as it is need not
    write any.
    """
    if "requests" in row.rates or "compute_ms" in row.rates:
        return True
    reads, writes = row.rate_for("input") is not None, row.rate_for("output") is not None
    by_unit = any(row.rate_for(name) is not None for name in kind.units if name != "input")
    if kind.writes:
        reads_alone = reads and kind.passes and not row.is_operators  # the catalogue knows that it writes nothing
        return (reads and (writes or reads_alone)) or (by_unit and not reads and not writes)
    return reads or by_unit


def _answers_of(deployment: Deployment) -> int:
    counts = [settings.get("n") for settings in (deployment.defaults, deployment.extra_body)]
    return max([1, *[count for count in counts if isinstance(count, int)]])


def _forced_output_of(deployment: Deployment) -> int:
    """`extra_body` is added last: what stands there, the provider gets."""
    maxima = [deployment.extra_body.get(name) for name in _MAXIMA]
    return max([0, *[limit for limit in maxima if isinstance(limit, int)]])


def _added_tokens_of(deployment: Deployment) -> int:
    """Bound by bytes, as a request is."""
    added = {**deployment.defaults, **deployment.extra_body}
    if not added:
        return 0
    tools = TOOL_TOKENS if added.keys() & {"tools", "functions", "web_search_options"} else 0
    return len(msgspec.json.encode(added, enc_hook=str)) + tools
