"""The most a request can cost at a model group: at the dearest of the deployments that may end up serving it."""

from collections.abc import Iterator
from math import ceil

from services.policy.budgets.admission import Ask
from services.policy.budgets.count_input import TextTokens
from services.policy.budgets.group_ceiling import (
    BATCH,
    CHAT_KIND,
    DAY_S,
    TOOL_TOKENS,
    GroupCeiling,
    Kind,
    RowsOf,
    ceiling_of,
)
from shared.calls import FREE, REALTIME_SESSION, WRITING, Admit
from shared.kept.object_calls import Lines
from shared.kept.passed_objects import is_untold
from shared.prices import dearest_rows
from shared.prices.snapshots import generation
from shared.serving.model_groups import ModelGroups, NamesByName

TEMPLATE_TOKENS = 32
"""What a chat template may add beyond the JSON around each message, whose bytes are counted as tokens already."""

CEILINGS_KEPT = 10_000

UNKNOWN_OUTPUT = 131_072
"""Tokens of an answer whose maximum nobody knows and nobody can set: more than any model published so far writes."""

_READING = frozenset(("GET", "DELETE"))
"""Methods of calls that go to a provider as they are, and cost nothing: a model is asked by POST."""


_FREE = Ask(0, 0, 1, 1, True)

_SESSION = Ask(1, 0, 0, 1, True)
"""A realtime session costs nothing by itself, but it is not opened where nothing is left at all."""


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
        day = int(now // DAY_S)
        if day != self._day or generation() != self._generation:
            self._day, self._generation, self._cache = day, generation(), {}
        ceiling = self._cache.get((group, with_fallbacks, kind))
        if ceiling is None:
            names = self._reachable(group, with_fallbacks)
            candidates = [deployment for name in names for deployment in self._groups.get(name)]
            ceiling = ceiling_of(candidates, kind, start=day * DAY_S, rows_of=self._rows)
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
