"""The most a request can cost at a model group: at the dearest of the deployments that may end up serving it."""

import re
from collections.abc import Iterable, Iterator
from math import ceil
from typing import NamedTuple, Protocol

import msgspec

from services.policy.budgets.admission import Ask
from services.policy.budgets.count_input import TextTokens
from shared.calls import FREE, REALTIME_SESSION, WRITING, Admit
from shared.kept.object_calls import Lines
from shared.kept.passed_objects import is_untold
from shared.prices import PriceRow, batch_rows, ceiling_pico, dearest_rows, max_output_tokens
from shared.prices.cost import input_rate_ceiling, output_rate_ceiling, unit_rate_ceiling
from shared.prices.snapshots import generation
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups, NamesByName

IMAGE_TOKENS = 5_000
"""What one image counts as at most with Anthropic, and with the models of OpenAI of which it is known: eight tiles of
170 and 85, or 1,536 patches at up to 2.46 each. https://platform.openai.com/docs/guides/images-vision"""
IMAGE_TOKENS_MAX = 50_000
"""What it can count as elsewhere: gpt-4o-mini's worst case, eight tiles of 5,667 and 2,833."""
_KNOWN_IMAGES = re.compile(
    r"(?:.*/)?(?:gpt-4o(?!-mini)|chatgpt-4o|gpt-4\.1|gpt-4-turbo|o[134](?:$|-)|gpt-5(?:\.[12])?(?:$|-))"
)

TEMPLATE_TOKENS = 32
"""What a chat template may add beyond the JSON around each message, whose bytes are counted as tokens already."""

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
CEILINGS_KEPT = 10_000

_DAY_S = 86_400

BATCH = "of a batch"
"""Stands for the tier of a batch's lines, which no request can ask for and nothing else is served on."""

_MAXIMA = ("max_tokens", "max_completion_tokens")

UNKNOWN_OUTPUT = 131_072
"""Tokens of an answer whose maximum nobody knows and nobody can set: more than any model published so far writes."""

_READING = frozenset(("GET", "DELETE"))
"""Methods of calls that go to a provider as they are, and cost nothing: a model is asked by POST."""


class Kind(NamedTuple):
    """What must have a price: the text it writes, and units of other classes than tokens of text; on which tier.

    `passes`: it goes out as it is, and may be for a model that writes nothing.
    """

    writes: bool
    units: tuple[str, ...]
    tier: str = ""
    passes: bool = False


CHAT_KIND = Kind(True, ())
_FREE = Ask(0, 0, 1, 1, True)

_SESSION = Ask(1, 0, 0, 1, True)
"""A realtime session costs nothing by itself, but it is not opened where nothing is left at all."""


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


class Ceilings:
    """Ceilings by group, made once a day: prices change by date."""

    def __init__(
        self,
        groups: ModelGroups,
        fallbacks: NamesByName,
        context_fallbacks: NamesByName,
        default_output: int,
        policy_fallbacks: NamesByName | None = None,
        rows: RowsOf = dearest_rows,
    ) -> None:
        """`default_output` is the answer size taken, and sent as the maximum, where nothing else says one.

        `rows` gives every price that a call of a deployment may turn out to have.
        """
        self._rows = rows
        self._groups = groups
        self._fallbacks = fallbacks
        self._other_fallbacks = (context_fallbacks, policy_fallbacks or {})
        self._default_output = default_output
        self._day = 0
        self._generation = generation()
        self._cache: dict[tuple[str, bool, Kind], GroupCeiling] = {}

    def of_group(self, group: str, *, with_fallbacks: bool, now: float, kind: Kind = CHAT_KIND) -> GroupCeiling:
        day = int(now // _DAY_S)
        if day != self._day or generation() != self._generation:
            self._day, self._generation, self._cache = day, generation(), {}
        ceiling = self._cache.get((group, with_fallbacks, kind))
        if ceiling is None:
            ceiling = self._compute(group, with_fallbacks, day * _DAY_S, kind)
            if len(self._cache) >= CEILINGS_KEPT:
                self._cache = {}  # a wildcard serves any number of names, which clients choose
            if self._groups.get(group):
                self._cache[(group, with_fallbacks, kind)] = ceiling
        return ceiling

    def providers_of(self, group: str, *, with_fallbacks: bool, now: float) -> tuple[str, ...]:
        """Return who may come to serve a request to `group`."""
        return self.of_group(group, with_fallbacks=with_fallbacks, now=now).providers

    def ask_for(
        self, request: Admit, now: float, *, grown: int = 0, text: TextTokens | None = None
    ) -> tuple[Ask, tuple[str, ...]]:
        """Return what `request` could cost at most, and the deployments without a price.

        Its text is bound by its bytes, or closer where its tokens were counted: `text`. `grown` is by how many bytes
        it has become longer since edge counted them.
        """
        if request.call_type in FREE or request.passed[0] in _READING:
            return _FREE, ()
        if request.call_type == REALTIME_SESSION:
            group = self.of_group(request.group, with_fallbacks=not request.disable_fallbacks, now=now)
            return _SESSION, group.unpriced
        if request.passed[0] and is_untold(*request.passed):
            return _FREE, (request.passed[1],)
        if request.object is not None and request.object.lines is not None:
            return self._ask_for_batch(request.group, request.object.lines, now)
        kind = CHAT_KIND
        if request.units or request.tier or request.call_type not in WRITING:
            kind = Kind(
                request.call_type in WRITING,
                tuple(name for name, _ in request.units),
                request.tier,
                bool(request.passed[0]),
            )
        ceiling = self.of_group(request.group, with_fallbacks=not request.disable_fallbacks, now=now, kind=kind)
        tokens = request.input_bytes + grown + TEMPLATE_TOKENS
        if text is not None:
            tokens = min(tokens, _closer_bound(text, ceiling))
        tokens += ceiling.added_tokens + (TOOL_TOKENS if request.has_tools else 0)
        tokens += request.images * ceiling.image_tokens
        input_pico = tokens * ceiling.input_rate + ceiling.per_request
        if ceiling.per_ms:
            input_pico += ceiling.per_ms * max(0, request.deadline_ms - request.received_ms)
        if ceiling.unit_rates:
            input_pico += sum(count * rate for (_, count), rate in zip(request.units, ceiling.unit_rates, strict=True))
        if not kind.writes:
            return Ask(input_pico, 0, 1, 1, True, tokens), ceiling.unpriced  # a token for nothing: it fits or does not
        n = max(request.n, ceiling.n)
        if request.max_tokens is not None:
            # Sent even where it fits: a request can name its maximum twice, and providers differ in which they take.
            output, capped = min(request.max_tokens, ceiling.output_tokens or request.max_tokens), False
        elif ceiling.output_tokens is not None:
            output, capped = ceiling.output_tokens, True
        else:
            output, capped = self._default_output, False
        if request.passed[0]:
            # It goes out as it is, so no shorter answer can be asked for.
            most = request.max_tokens or ceiling.output_tokens or max(self._default_output, UNKNOWN_OUTPUT)
            return Ask(input_pico + most * n * ceiling.output_rate, 0, most, n, True, tokens, True), ceiling.unpriced
        if ceiling.forced_output:
            # The deployment's own maximum replaces the admitted one: there is no shorter answer to be had.
            input_pico += max(output, ceiling.forced_output) * n * ceiling.output_rate
            return Ask(input_pico, 0, max(output, ceiling.forced_output), n, True, tokens, True), ceiling.unpriced
        return Ask(input_pico, ceiling.output_rate, output, n, capped, tokens), ceiling.unpriced

    def _ask_for_batch(self, group: str, lines: Lines, now: float) -> tuple[Ask, tuple[str, ...]]:
        """Return what all lines together could cost at most, each as if it were a request, at a batch's prices."""
        writes = lines.call_type in WRITING
        kind = Kind(writes, tuple(name for name, _ in lines.units), BATCH)
        ceiling = self.of_group(group, with_fallbacks=False, now=now, kind=kind)
        tokens = lines.text_bytes + lines.count * TEMPLATE_TOKENS
        tokens += lines.with_tools * TOOL_TOKENS + lines.images * ceiling.image_tokens
        pico = tokens * ceiling.input_rate + lines.count * ceiling.per_request
        pico += sum(count * rate for (_, count), rate in zip(lines.units, ceiling.unit_rates, strict=True))
        for most, answers in lines.outputs if writes else ():
            model_most = ceiling.output_tokens
            unset = model_most or max(self._default_output, UNKNOWN_OUTPUT)
            pico += (min(most, model_most or most) or unset) * answers * ceiling.output_rate
        return Ask(pico, 0, 1, 1, True), ceiling.unpriced  # no tokens of it count against a limit

    def _compute(self, group: str, with_fallbacks: bool, start: float, kind: Kind) -> GroupCeiling:
        candidates = [
            deployment for name in self._reachable(group, with_fallbacks) for deployment in self._groups.get(name)
        ]
        rows: list[PriceRow] = []
        unpriced: list[str] = []
        outputs: list[int | None] = []
        for deployment in candidates:
            # What is admitted today may be priced tomorrow.
            end = start + 2 * _DAY_S - 1
            if kind.tier == BATCH:
                found = batch_rows(deployment, start=start, end=end + _DAY_S)
            else:
                found = self._rows(deployment, kind.tier, start=start, end=end)
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
            unit_rates=tuple(
                max((ceil(unit_rate_ceiling(row, name)) for row in rows), default=0) for name in kind.units
            ),
            providers=tuple(dict.fromkeys(deployment.provider for deployment in candidates)),
        )

    def _reachable(self, group: str, with_fallbacks: bool) -> Iterator[str]:
        """Yield every model name that may serve a request to `group`, as the router goes through them."""
        yield group
        if not with_fallbacks:
            return
        yield from self._fallbacks.get(group, ())
        for others in self._other_fallbacks:
            for name in others.get(group, ()):
                yield name
                yield from self._fallbacks.get(name, ())


def _closer_bound(text: TextTokens, ceiling: GroupCeiling) -> int:
    template = ceiling.template.request + text.messages * ceiling.template.message
    return template + (text.counted if ceiling.o200k else ceil(text.most * ceiling.margin))


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
