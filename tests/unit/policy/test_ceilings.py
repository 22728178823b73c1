"""What a request can cost at most is never less than what it costs."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.policy.budgets.account import Account
from services.policy.budgets.admission import Ask, Placed, Stand, place
from services.policy.budgets.ceilings import TEMPLATE_TOKENS, Ceilings
from services.policy.budgets.count_input import NO_TEXT, TextTokens
from services.policy.budgets.group_ceiling import IMAGE_TOKENS, IMAGE_TOKENS_MAX, TOOL_TOKENS
from shared.calls import REALTIME_SESSION, Admit, Caller
from shared.config.sections.price_names import VARIED
from shared.kept.object_calls import Lines, ObjectCall
from shared.prices import PriceBook, PriceRow, Terms, charged, cost_of
from shared.prices.operator import OPERATOR_PRICES
from shared.prices.terms import ROUNDED_PICO
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES, Usage, usage_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
CALLER = Caller("key", "", "tenant", "", "", "", "", (), "", "", "", b"")
INPUT, OUTPUT = INPUT_CLASSES, OUTPUT_CLASSES


def request(group: str = "model", **fields: Any) -> Admit:
    values: dict[str, Any] = {
        "request_id": "req_1",
        "edge": "edge-1",
        "caller": CALLER,
        "route": "/v1/chat/completions",
        "call_type": "acompletion",
        "model": group,
        "group": group,
        "stream": False,
        "include_usage": False,
        "max_tokens": None,
        "max_tokens_field": "",
        "n": 1,
        "input_bytes": 1_000,
        "images": 0,
        "has_tools": False,
        "received_ms": 0,
        "deadline_ms": 0,
        "body_bytes": 0,
        "body_ref": "",
        "guardrails": (),
        "num_retries": None,
        "timeout_s": None,
        "disable_fallbacks": False,
    }
    return Admit(**{**values, **fields})


def deployment(
    input_usd: float = 1e-6, output_usd: float = 2e-6, *, group: str = "model", name: str = "d1", **fields: Any
) -> Deployment:
    """Its prices are 1 and 2 millionths of a dollar a token: 1,000,000 and 2,000,000 pico-dollars."""
    own = {"input_cost_per_token": input_usd, "output_cost_per_token": output_usd}
    values: dict[str, Any] = {"provider": "simulated", "model": "echo", "priced_as": "echo", "prices": own}
    return Deployment(id=name, group=group, **{**values, **fields})


def ceilings(*deployments: Deployment, context: Any = None, policy: Any = None, **fallbacks: Any) -> Ceilings:
    groups = ModelGroups(deployments)
    return Ceilings(groups, fallbacks, context or {}, default_output=4_096, policy_fallbacks=policy)


def most(ask: Ask) -> int:
    return ask.input_pico + ask.output_pico_per_token * ask.output_tokens * ask.n


def bare(ask: Ask) -> Ask:
    return ask._replace(input_tokens=0)


IN, OUT = 1_000_000, 2_000_000
INPUT_TOKENS = 1_000 + TEMPLATE_TOKENS


def test_a_request_is_bounded_by_its_bytes_and_its_maximum() -> None:
    ask, unpriced = ceilings(deployment()).ask_for(request(max_tokens=50), NOW)
    assert bare(ask) == Ask(INPUT_TOKENS * IN, OUT, 50, 1, False)
    assert unpriced == ()


def test_what_the_input_was_bound_by_is_told() -> None:
    ask, _ = ceilings(deployment()).ask_for(request(images=1, has_tools=True), NOW)
    assert ask.input_tokens == INPUT_TOKENS + IMAGE_TOKENS_MAX + TOOL_TOKENS


@pytest.mark.parametrize(
    ("models", "tokens"),
    [
        (["gpt-4o"], IMAGE_TOKENS),
        (["azure/gpt-4.1-nano", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.2"], IMAGE_TOKENS),
        (["gpt-4o-mini"], IMAGE_TOKENS_MAX),
        (["gpt-4o", "openai/gpt-4o-mini"], IMAGE_TOKENS_MAX),
        (["gpt-5.9", "o5"], IMAGE_TOKENS_MAX),
        (["an-unknown-one"], IMAGE_TOKENS_MAX),
    ],
)
def test_an_image_is_bound_by_the_models_that_may_read_it(models: list[str], tokens: int) -> None:
    members = [deployment(name=f"d{number}", priced_as=model) for number, model in enumerate(models)]
    ask, _ = ceilings(*members).ask_for(request(max_tokens=10, images=1), NOW)
    assert ask.input_tokens == INPUT_TOKENS + tokens


TEXT = TextTokens(counted=60, most=80, messages=2)


@pytest.mark.parametrize(
    ("models", "tokens"),
    [
        (["gpt-4o"], 3 + 2 * 5 + 60),
        (["azure/gpt-4.1-mini", "o3"], 3 + 2 * 5 + 60),
        (["gpt-3.5-turbo"], 3 + 2 * 5 + 80),
        (["gpt-4o", "gpt-4"], 3 + 2 * 5 + 80),
        (["claude-sonnet-4-5"], 12 + 2 * 8 + 108),
        (["gpt-4o", "claude-sonnet-4-5"], 12 + 2 * 8 + 108),
        (["meta-llama/Llama-3.3-70B-Instruct"], 64 + 2 * 8 + 108),
        (["openai/gpt-oss-120b"], 160 + 2 * 8 + 108),
        (["an-unknown-one"], 12 + 2 * 8 + 108),
    ],
)
def test_counted_text_is_bound_by_the_tokenizers_of_those_who_may_serve_it(models: list[str], tokens: int) -> None:
    members = [deployment(name=f"d{number}", priced_as=model) for number, model in enumerate(models)]
    ask, _ = ceilings(*members).ask_for(request(max_tokens=10), NOW, text=TEXT)
    assert (ask.input_tokens, ask.input_pico) == (tokens, tokens * IN)


def test_text_that_is_counted_is_never_bound_by_more_than_its_bytes() -> None:
    many = TextTokens(counted=5_000, most=5_000, messages=2)
    assert ceilings(deployment()).ask_for(request(), NOW, text=many)[0].input_tokens == INPUT_TOKENS


def test_pictures_tools_and_what_a_deployment_adds_come_on_top_of_counted_text() -> None:
    adds = deployment(priced_as="gpt-4o", defaults={"temperature": 0.5})
    ask, _ = ceilings(adds).ask_for(request(images=2, has_tools=True), NOW, text=NO_TEXT)
    assert ask.input_tokens == 3 + 2 * IMAGE_TOKENS + TOOL_TOKENS + len('{"temperature":0.5}')


@pytest.mark.parametrize(
    ("fields", "more_input", "output", "n"),
    [
        ({"max_tokens": 10, "n": 3}, 0, 10, 3),
        ({"max_tokens": 10, "has_tools": True}, TOOL_TOKENS, 10, 1),
        ({"max_tokens": 10, "images": 2}, 2 * IMAGE_TOKENS_MAX, 10, 1),
        ({"max_tokens": 10, "input_bytes": 30_000_000}, 29_999_000, 10, 1),
    ],
)
def test_everything_that_can_make_a_request_dearer_counts(
    fields: dict[str, Any], more_input: int, output: int, n: int
) -> None:
    ask, _ = ceilings(deployment()).ask_for(request(**fields), NOW)
    assert bare(ask) == Ask((INPUT_TOKENS + more_input) * IN, OUT, output, n, False)


def test_text_that_a_guardrail_made_longer_counts() -> None:
    ask, _ = ceilings(deployment()).ask_for(request(max_tokens=10), NOW, grown=500)
    assert ask.input_pico == (INPUT_TOKENS + 500) * IN


def test_without_a_maximum_the_models_own_counts() -> None:
    known = deployment(provider="openai", model="gpt-4o", priced_as="gpt-4o")
    assert ceilings(known).ask_for(request(), NOW)[0].output_tokens == 16_384
    assert ceilings(known).ask_for(request(), NOW)[0].capped
    told = deployment(max_output_tokens=700)
    assert bare(ceilings(told).ask_for(request(), NOW)[0]) == Ask(INPUT_TOKENS * IN, OUT, 700, 1, True)


def test_without_any_maximum_one_is_set_and_sent() -> None:
    ask, _ = ceilings(deployment()).ask_for(request(), NOW)
    assert bare(ask) == Ask(INPUT_TOKENS * IN, OUT, 4_096, 1, False)
    known = deployment(provider="openai", model="gpt-4o", priced_as="gpt-4o", name="d2")
    mixed, _ = ceilings(deployment(), known).ask_for(request(), NOW)
    assert (mixed.output_tokens, mixed.capped) == (4_096, False), "one of them has no maximum that is known"


def test_a_maximum_above_the_models_own_holds_no_more_than_the_model_can_write() -> None:
    ask, _ = ceilings(deployment(max_output_tokens=700)).ask_for(request(max_tokens=100_000), NOW)
    assert (ask.output_tokens, ask.capped) == (700, False)


def test_the_dearest_deployment_counts() -> None:
    cheap, dear = deployment(name="d1"), deployment(5e-6, 1e-6, name="d2")
    ask, _ = ceilings(cheap, dear).ask_for(request(max_tokens=10), NOW)
    assert (ask.input_pico, ask.output_pico_per_token) == (INPUT_TOKENS * 5 * IN, OUT)


def test_fallbacks_count_unless_the_request_forbids_them() -> None:
    cheap, dear = deployment(), deployment(1e-5, 3e-5, group="dear", name="d2", max_output_tokens=9)
    bound = ceilings(cheap, dear, model=("dear",))
    assert bound.ask_for(request(max_tokens=10), NOW)[0].output_pico_per_token == 30_000_000
    assert bound.ask_for(request(max_tokens=10, disable_fallbacks=True), NOW)[0].output_pico_per_token == OUT


def test_where_a_prompt_is_too_long_the_models_for_that_count_with_their_own_fallbacks() -> None:
    long, after = deployment(2e-6, 4e-6, group="long", name="d2"), deployment(1e-6, 9e-6, group="after", name="d3")
    bound = ceilings(deployment(), long, after, context={"model": ("long",)}, long=("after",))
    assert bound.ask_for(request(max_tokens=10), NOW)[0].output_pico_per_token == 9_000_000
    assert bound.ask_for(request(max_tokens=10, disable_fallbacks=True), NOW)[0].output_pico_per_token == OUT


def test_the_models_for_what_another_provider_refuses_count_too() -> None:
    freer = deployment(2e-6, 7e-6, group="freer", name="d2")
    bound = ceilings(deployment(), freer, policy={"model": ("freer",)})
    assert bound.ask_for(request(max_tokens=10), NOW)[0].output_pico_per_token == 7_000_000
    assert bound.ask_for(request(max_tokens=10, disable_fallbacks=True), NOW)[0].output_pico_per_token == OUT


@pytest.mark.parametrize(
    ("fields", "n", "added"),
    [
        ({"defaults": {"n": 4}}, 4, len('{"n":4}')),
        ({"extra_body": {"n": 4}}, 4, len('{"n":4}')),
        ({"defaults": {"temperature": 0.5}}, 2, len('{"temperature":0.5}')),
        ({"defaults": {"tools": ({"type": "function"},)}}, 2, TOOL_TOKENS + len('{"tools":[{"type":"function"}]}')),
    ],
)
def test_what_a_deployment_adds_counts(fields: dict[str, Any], n: int, added: int) -> None:
    ask, _ = ceilings(deployment(**fields)).ask_for(request(max_tokens=10, n=2), NOW)
    assert bare(ask) == Ask((INPUT_TOKENS + added) * IN, OUT, 10, n, False)


def test_an_answer_whose_size_the_deployment_sets_itself_is_held_in_full_and_not_shortened() -> None:
    forced = deployment(extra_body={"max_tokens": 500})
    ask, _ = ceilings(forced).ask_for(request(max_tokens=10), NOW)
    added = len('{"max_tokens":500}')
    assert most(ask) == (INPUT_TOKENS + added) * IN + 500 * OUT
    assert place([Stand(Account(), most(ask))], ask) == Placed(most(ask), None)
    assert not isinstance(place([Stand(Account(), most(ask) - 1)], ask), Placed)


def test_a_call_that_is_paid_for_as_such_counts() -> None:
    paid = deployment(prices={"input_cost_per_request": 0.001})
    ask, unpriced = ceilings(paid).ask_for(request(max_tokens=10), NOW)
    assert (most(ask), unpriced) == (10**9, ())


@pytest.mark.parametrize(
    ("prices", "is_unpriced"),
    [
        ({}, True),
        ({"input_cost_per_token": 1e-6}, True),
        ({"output_cost_per_token": 1e-6}, True),
        ({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}, False),
        ({"input_cost_per_request": 0.001}, False),
    ],
)
def test_a_model_without_a_whole_price_is_named(prices: dict[str, float], is_unpriced: bool) -> None:
    bound = ceilings(deployment(), deployment(name="d2", prices=prices))
    assert bound.ask_for(request(), NOW)[1] == (("simulated/echo",) if is_unpriced else ())


def test_a_model_nobody_serves_costs_nothing_and_is_not_remembered() -> None:
    bound = ceilings(deployment())
    for number in range(100):
        assert most(bound.ask_for(request(f"unknown{number}", max_tokens=10), NOW)[0]) == 0
    assert len(bound._cache) == 0


def test_tomorrows_price_counts_today() -> None:
    hourly = deployment(provider="deepseek", model="deepseek-chat", priced_as="deepseek-chat", prices={})
    midnight = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    asks = [ceilings(hourly).ask_for(request(), midnight + hour * 3_600)[0] for hour in range(24)]
    assert len(set(asks)) == 1
    dearest = max(_row(hourly, midnight + hour * 3_600).rates["output"].highest for hour in range(24))
    assert asks[0].output_pico_per_token == dearest


MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "o3"),
    ("openai", "gpt-audio"),
    ("azure", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("gemini", "gemini-2.5-pro"),
    ("gemini", "gemini-2.5-flash"),
    ("deepseek", "deepseek-reasoner"),
    ("perplexity", "sonar-pro"),
    ("xai", "grok-4-fast-reasoning"),
    ("groq", "llama-3.1-8b-instant"),
]


def _row(one: Deployment, now: float) -> PriceRow:
    row = PriceBook().row_for(one.id, one.provider, one.priced_as, own=one.prices, now=now)
    assert row is not None
    return row


listed = st.sampled_from(MODELS)
TIERS = ("", "batch", "flex", "priority", "fast")
some_terms = st.one_of(
    st.none(),
    st.builds(Terms, st.decimals(0, 1, places=3), st.decimals(0, 2, places=3), st.integers(0, 10**10)),
)
variants = st.builds(
    "{}{}{}".format,
    st.sampled_from(VARIED),
    st.sampled_from(["", "_above_128k_tokens", "_above_200k_tokens"]),
    st.sampled_from(["", "_flex", "_priority", "_batches"]),
)
operator_prices = st.dictionaries(
    st.one_of(st.sampled_from(sorted(OPERATOR_PRICES)), variants), st.floats(0, 0.01, allow_nan=False), min_size=1
)


@st.composite
def served(draw: st.DrawFn) -> tuple[list[Deployment], Admit, float, float, list[int]]:
    """Some deployments, a request, when it comes, how long it takes, and shares of its tokens by class."""
    some = []
    for number in range(draw(st.integers(1, 3))):
        provider, model = draw(listed)
        own = draw(st.one_of(st.just({}), operator_prices))
        some.append(
            deployment(
                name=f"d{number}",
                provider=provider,
                model=model,
                priced_as=model,
                prices=own,
                terms=draw(some_terms),
                geo=draw(st.sampled_from(["", "eu", "us"])),
            )
        )
    asked = request(
        max_tokens=draw(st.one_of(st.none(), st.integers(1, 200_000))),
        n=draw(st.integers(1, 5)),
        input_bytes=draw(st.integers(1, 3_000_000)),
        images=draw(st.integers(0, 4)),
        has_tools=draw(st.booleans()),
        tier=draw(st.sampled_from(TIERS)),
        deadline_ms=draw(st.integers(0, 600_000)),
    )
    start = NOW + draw(st.integers(0, 86_400))
    return (
        some,
        asked,
        start,
        draw(st.integers(0, 86_000)),
        draw(st.lists(st.integers(0, 100), min_size=len(INPUT) + len(OUTPUT), max_size=len(INPUT) + len(OUTPUT))),
    )


@settings(max_examples=150, deadline=None)
@given(served(), st.integers(1, 100), st.integers(1, 100))
def test_no_answer_costs_more_than_its_hold_whoever_serves_it(
    case: tuple[list[Deployment], Admit, float, float, list[int]], input_percent: int, output_percent: int
) -> None:
    deployments, asked, now, takes_s, shares = case
    ask, _ = ceilings(*deployments).ask_for(asked, now)
    placed = place([Stand(Account(), None)], ask)
    assert isinstance(placed, Placed)
    longest = ask.output_tokens if placed.max_tokens is None else placed.max_tokens
    read = asked.input_bytes + asked.images * 5_000 + TEMPLATE_TOKENS + asked.has_tools * TOOL_TOKENS
    usage = usage_of(
        {
            **_split(read * input_percent // 100, INPUT, shares[: len(INPUT)]),
            **_split(longest * asked.n * output_percent // 100, OUTPUT, shares[len(INPUT) :]),
            "compute_ms": asked.deadline_ms,
        }
    )
    for one in deployments:
        for tier in ("", asked.tier):
            for geo in (one.geo, "us" if one.provider == "anthropic" else one.geo):
                row = PriceBook().row_for(
                    one.id, one.provider, one.priced_as, own=one.prices, now=now + takes_s, tier=tier, geo=geo
                )
                assert row is not None
                cost = charged(cost_of(usage, row).pico, one.terms or Terms())
                assert cost.pico <= placed.amount, (one.provider, one.model, tier, geo)


def test_a_service_tier_that_a_request_asks_for_is_held_at_its_price() -> None:
    known = deployment(provider="openai", model="gpt-4o", priced_as="gpt-4o", prices={})
    usual, priority = (ceilings(known).ask_for(request(tier=tier), NOW)[0] for tier in ("", "priority"))
    assert (usual.output_pico_per_token, priority.output_pico_per_token) == (10_000_000, 17_000_000)
    assert ceilings(known).ask_for(request(tier="flex"), NOW)[0] == usual, "the cheaper tier may have no room"


def test_a_service_tier_that_a_deployment_asks_for_is_held_at_its_price() -> None:
    of: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "priced_as": "gpt-4o", "prices": {}}
    for settings_of in ("defaults", "extra_body"):
        asks = deployment(**of, **{settings_of: {"service_tier": "priority"}})
        assert ceilings(asks).ask_for(request(), NOW)[0].output_pico_per_token == 17_000_000


def test_discounts_and_margins_are_in_the_ceiling() -> None:
    sold = deployment(terms=Terms(Decimal("0.5"), Decimal("0.2"), 7))
    ask, _ = ceilings(sold).ask_for(request(max_tokens=10), NOW)
    assert ask.output_pico_per_token == OUT * 6 // 10
    assert ask.input_pico == INPUT_TOKENS * IN * 6 // 10 + 7 + ROUNDED_PICO


def test_machine_time_is_held_for_as_long_as_a_request_may_take() -> None:
    rented = deployment(prices={"input_cost_per_second": 0.001})
    ask, unpriced = ceilings(rented).ask_for(request(max_tokens=10, received_ms=1_000, deadline_ms=61_000), NOW)
    assert (most(ask), unpriced) == (60 * 10**9, ())


def _split(total: int, classes: tuple[str, ...], shares: list[int]) -> dict[str, int]:
    whole = sum(shares) or 1
    counts = {name: total * share // whole for name, share in zip(classes, shares, strict=True)}
    counts[classes[0]] += total - sum(counts.values())
    return counts


def test_a_call_that_writes_nothing_needs_a_price_of_its_input_alone() -> None:
    one = deployment(prices={"input_cost_per_token": 1e-6}, model="ada", priced_as="ada")
    asked = request(call_type="aembedding")
    ask, unpriced = ceilings(one).ask_for(asked, NOW)
    assert (ask.input_pico, ask.output_pico_per_token, unpriced) == ((1_000 + TEMPLATE_TOKENS) * 1_000_000, 0, ())
    assert ceilings(one).ask_for(request(), NOW)[1] == ("simulated/ada",)
    assert place([Stand(Account(), ask.input_pico)], ask) == Placed(ask.input_pico, None)
    assert not isinstance(place([Stand(Account(spent=1), ask.input_pico)], ask), Placed)
    waits = place([Stand(Account(held=1), ask.input_pico)], ask)
    assert not isinstance(waits, Placed)
    assert waits.only_holds


def test_units_are_held_at_the_dearest_price_of_each_class() -> None:
    cheap, dear = (deployment(prices={"input_cost_per_request": usd}, name=name) for usd, name in [(1, "a"), (2, "b")])
    asked = request(call_type="aimage_generation", units=(("requests", 3),), input_bytes=0)
    ask, unpriced = ceilings(cheap, dear).ask_for(asked, NOW)
    assert (ask.input_pico, unpriced) == (4 * 2 * 10**12, ())  # three units, and the call itself


def test_units_that_nobody_prices_leave_a_call_without_a_price() -> None:
    nothing = deployment(prices={}, model="unheard-of", priced_as="unheard-of")
    asked = request(call_type="aimage_generation", units=(("images", 1),))
    assert ceilings(nothing).ask_for(asked, NOW)[1] == ("simulated/unheard-of",)


def test_what_perplexity_searches_and_reads_unasked_is_held() -> None:
    model = "sonar-deep-research"
    deep = deployment(provider="perplexity", model=model, priced_as=model, prices={})
    usage = Usage(input=33, output=10, reasoning=73_997, citations=20_016, web_searches=18)
    ask, unpriced = ceilings(deep).ask_for(request(max_tokens=10), NOW)
    assert unpriced == ()
    assert most(ask) >= cost_of(usage, _row(deep, NOW)).pico


def test_searches_that_a_request_may_make_are_held_at_the_dearest_size() -> None:
    prices = {
        "input_cost_per_token": 0.0, "output_cost_per_token": 0.0,
        "search_context_cost_per_query.medium": 0.01, "search_context_cost_per_query.high": 0.02,
    }  # fmt: skip
    ask, _ = ceilings(deployment(prices=prices)).ask_for(request(units=(("web_searches", 3),), max_tokens=1), NOW)
    assert most(ask) == 3 * 2 * 10**10


def test_a_model_of_a_wildcard_costs_at_most_what_its_deployment_does() -> None:
    bound = ceilings(deployment(group="sim/*", model="*", priced_as="*"))
    known = ceilings(deployment(group="sim/echo"))
    asked = request("sim/echo", max_tokens=10)
    assert bound.ask_for(asked, NOW) == known.ask_for(asked, NOW)
    assert most(bound.ask_for(asked, NOW)[0]) > 0
    assert most(bound.ask_for(request("other/echo", max_tokens=10), NOW)[0]) == 0


def test_a_session_needs_a_price_and_holds_the_least_there_is() -> None:
    asked = request(call_type=REALTIME_SESSION)
    ask, unpriced = ceilings(deployment()).ask_for(asked, NOW)
    assert (most(ask), unpriced) == (1, ())
    assert ceilings(deployment(prices={})).ask_for(asked, NOW)[1] == ("simulated/echo",)


BATCHES = {"input_cost_per_token_batches": 5e-7, "output_cost_per_token_batches": 1e-6}


def batch_of(*outputs: tuple[int, int], call_type: str = "acompletion", **fields: Any) -> Admit:
    known: dict[str, Any] = {"url": "/v1/chat/completions", "call_type": call_type, "model": "model"}
    lines = Lines(
        **{**known, "count": 2, "text_bytes": 1_000, "images": 0, "with_tools": 0, "outputs": outputs, **fields}
    )
    return request(call_type="acreate_batch", object=ObjectCall("batch", "owner", lines=lines))


def priced_by_batch(**fields: Any) -> Deployment:
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, **BATCHES}
    return replace(deployment(**fields), prices=prices)


def test_a_batch_is_bounded_by_all_its_lines_at_a_batchs_prices() -> None:
    ask, unpriced = ceilings(priced_by_batch()).ask_for(batch_of((10, 1), (100, 3)), NOW)
    tokens = 1_000 + 2 * TEMPLATE_TOKENS
    assert unpriced == ()
    assert most(ask) == tokens * 500_000 + (10 + 300) * 1_000_000
    assert (ask.output_pico_per_token, ask.capped) == (0, True)


def test_a_line_without_a_maximum_is_bounded_by_the_models() -> None:
    bounded = ceilings(replace(priced_by_batch(), max_output_tokens=50))
    known = most(bounded.ask_for(batch_of((0, 2)), NOW)[0])
    assert known - most(bounded.ask_for(batch_of(), NOW)[0]) == 2 * 50 * 1_000_000
    lower = most(bounded.ask_for(batch_of((500, 2)), NOW)[0])
    assert lower == known


def test_tools_and_pictures_of_lines_count_and_vectors_write_nothing() -> None:
    plain = most(ceilings(priced_by_batch()).ask_for(batch_of(), NOW)[0])
    richer = most(ceilings(priced_by_batch()).ask_for(batch_of(images=1, with_tools=2), NOW)[0])
    assert richer - plain == (IMAGE_TOKENS_MAX + 2 * TOOL_TOKENS) * 500_000
    vectors = most(ceilings(priced_by_batch()).ask_for(batch_of((10, 2), call_type="aembedding"), NOW)[0])
    assert vectors == plain


def test_a_batch_at_a_model_without_a_price_is_told() -> None:
    unknown = replace(deployment(), prices={}, priced_as="nobody-knows-it", model="nobody-knows-it")
    _, unpriced = ceilings(unknown).ask_for(batch_of((10, 1)), NOW)
    assert unpriced == ("simulated/nobody-knows-it",)


def test_reading_what_a_provider_keeps_costs_nothing() -> None:
    for call_type in ("acreate_file", "afile_retrieve", "afile_content", "acancel_batch", "aretrieve_batch"):
        asked = request(call_type=call_type, object=ObjectCall("file", "owner"))
        assert most(ceilings(deployment()).ask_for(asked, NOW)[0]) == 0


@pytest.mark.parametrize(
    ("fields", "whole"),
    [
        ({"provider": "openai", "model": "text-embedding-3-small", "prices": {}}, True),
        ({"provider": "mistral", "model": "mistral-ocr-latest", "prices": {}}, True),
        ({"provider": "openai", "model": "whisper-1", "prices": {}}, True),
        ({"model": "own", "prices": {"input_cost_per_token": 1e-6}}, False),
        ({"model": "own", "prices": {}}, False),
    ],
)
def test_a_call_that_is_passed_on_needs_the_prices_that_its_model_has(fields: dict[str, Any], whole: bool) -> None:
    one = deployment(**{**fields, "priced_as": fields["model"]})
    asked = request(
        call_type="pass_through_endpoint", passed=("POST", "/x"), units=(("pages", 9), ("audio_input_ms", 9))
    )
    assert (ceilings(one).ask_for(asked, NOW)[1] == ()) is whole
