from decimal import Decimal

import pytest

from bench.__main__ import main
from bench.bars import added_ms, bars
from bench.cases import CASES, config_models
from bench.children import Failed, call_json, free_port
from bench.cpu import Memory
from bench.gateway import ROLES, Stored
from bench.latency import Spread
from bench.load import Outcome
from bench.measure import ROOT, Figures, Tally
from bench.proof import checks
from bench.report import BEGIN, END, Run, render, write_into

BY_NAME = {case.name: case for case in CASES}


def outcome(*, answered: int = 1000, p50: float = 2.0, errors: dict[str, int] | None = None) -> Outcome:
    return Outcome(
        sent=answered + sum((errors or {}).values()),
        answered=answered,
        seconds=0.25,
        cpu_s=0.1,
        latency=Spread(p50, 2 * p50),
        first_chunk=None,
        gap=None,
        errors=errors or {},
    )


def figures(name: str, *, edge: float, clickhouse: float = 0.05) -> Figures:
    return Figures(
        case=BY_NAME[name],
        outcome=outcome(),
        direct=outcome(p50=0.5),
        cpu_ms={"edge": edge, "clickhouse": clickhouse},
        upstream_ms=0.01,
        clients_ms=0.02,
        others_share=0.0,
        memory={"edge": Memory(100.0, 60.0), "clickhouse": Memory(500.0, 490.0)},
    )


def run(**fields: object) -> Run:
    return Run("2026-01-01", "python -m bench", "2 cores", "none", (50.0, 52.0), roles=ROLES, **fields)  # type: ignore[arg-type]


def test_a_figure_is_held_against_what_was_asked_for():
    found = {bar.what: bar for bar in bars([[figures("saturated", edge=0.45), figures("alone", edge=1.5)]])}
    assert found["CPU of a request, saturated (32 connections)"].verdict == "reached"
    assert found["ClickHouse's share on top of it"].verdict == "reached"
    assert found["CPU of a request when alone"].verdict == "**missed**"
    assert found["CPU of a 50-chunk stream"].verdict == "not measured"
    assert found["added latency alone, p50"].found == pytest.approx(1.5)
    assert found["requests a second, clients and upstream on the same cores"].verdict == "reached"


def test_what_budgets_and_limits_take_is_the_difference_to_a_key_without_any():
    measured = [figures("plain", edge=0.40), figures("held", edge=0.48), figures("few", edge=0.41)]
    found = {bar.what: bar for bar in bars([[*measured, figures("many", edge=0.50)]])}
    assert found["CPU that 3 budgets and 2 limits add, saturated"].found == pytest.approx(0.08)
    assert found["CPU that 3 budgets and 2 limits add, saturated"].verdict == "reached"
    assert found["requests a second on one hot team with them"].found == 4000
    assert found["CPU that 10,000 budgets in use take more than 10"].verdict == "**missed**"
    assert found["latency that they add alone, p50"].verdict == "not measured"


def test_a_translation_is_held_against_the_cheaper_of_the_two_dialects():
    measured = [figures("saturated", edge=0.40), figures("messages", edge=0.30), figures("messages-chat", edge=0.42)]
    streams = [figures("stream", edge=0.60), figures("stream-chat-messages", edge=1.10)]
    found = {bar.what: bar for bar in bars([[*measured, *streams]])}
    assert found["CPU of a request in Anthropic's dialect to Anthropic, saturated"].verdict == "reached"
    assert found["CPU that a translation adds, Anthropic to OpenAI"].found == pytest.approx(0.12)
    assert found["CPU that a translation adds, OpenAI to Anthropic"].verdict == "not measured"
    assert found["CPU that translating a 50-chunk stream adds, OpenAI to Anthropic"].verdict == "**missed**"


def test_of_several_rounds_the_one_in_the_middle_counts():
    rounds = [[figures("saturated", edge=edge)] for edge in (0.60, 0.40, 0.45)]
    found = {bar.what: bar for bar in bars(rounds)}["CPU of a request, saturated (32 connections)"]
    assert (found.found, found.verdict) == (pytest.approx(0.45), "reached")
    assert found.spread == (pytest.approx(0.40), pytest.approx(0.60))
    page = render(run(rounds=rounds))
    assert "| at most 0.5 ms | 0.45 | 0.40 to 0.60 | reached |" in page
    assert "| 32 connections | **0.450** | 0.40 to 0.60 |" in page
    assert "Of 3 rounds" in page


def test_a_difference_is_one_of_cases_of_the_same_round():
    slow = [figures("plain", edge=0.80), figures("held", edge=0.88)]
    fast = [figures("held", edge=0.48), figures("plain", edge=0.40)]  # the other way round, as every other round is
    found = {bar.what: bar for bar in bars([slow, fast, slow])}["CPU that 3 budgets and 2 limits add, saturated"]
    assert found.spread == (pytest.approx(0.08), pytest.approx(0.08))


@pytest.mark.parametrize("rounds", ["0", "-1", "two", "1.5"])
def test_a_number_of_rounds_that_is_none_is_refused(rounds, capsys):
    with pytest.raises(SystemExit):
        main(["--rounds", rounds])
    assert "give 1 or more" in capsys.readouterr().err


def test_added_latency_is_not_told_where_the_load_fills_the_cores():
    assert added_ms(figures("saturated", edge=0.4)) is None


def test_the_tables_hold_what_was_found():
    theirs = figures("saturated", edge=9.0, clickhouse=0.0)
    page = render(run(rounds=[[figures("saturated", edge=0.4)]], peer=[theirs], peer_name="LiteLLM Proxy 1"))
    assert "| 32 connections | **0.400** | 0.40 to 0.40 | 0.000 | 0.400 |" in page
    assert "**20.0x**" in page
    assert "| resident | 100 | 500 | 600 |" in page


def test_a_run_of_the_upstream_alone_has_its_table_only():
    page = render(run(direct=[("one connection", outcome(), 0.011)]))
    assert "upstream CPU ms" in page
    assert "To reach" not in page


def test_the_tables_replace_what_stood_between_the_markers(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(page, "| new |\n")
    write_into(page, "| newer |\n")
    assert page.read_text() == f"before\n{BEGIN}\n\n| newer |\n\n{END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("mine")
    with pytest.raises(ValueError, match="put them where the tables belong"):
        write_into(page, "x")
    assert page.read_text() == "mine"


def test_the_documentation_has_the_markers():
    text = (ROOT / "docs" / "performance.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1


def tally(plain: int, streams: int) -> Tally:
    counted = Tally()
    counted.add(BY_NAME["alone"], outcome(answered=plain))
    counted.add(BY_NAME["stream"], outcome(answered=streams))
    return counted


def test_books_that_agree_prove_the_work():
    usd = Decimal("2.390")  # 1000 x 0.001265 + 1000 x 0.001125
    found = checks(tally(1000, 1000), upstream_calls=2000, stored=Stored(2000, usd, Decimal("2.39")))
    assert all(check.holds for check in found)


@pytest.mark.parametrize(
    ("calls", "stored", "wrong"),
    [
        (2001, Stored(2000, Decimal("2.39"), Decimal("2.39")), "calls at the upstream"),
        (2000, Stored(1999, Decimal("2.39"), Decimal("2.39")), "rows in ClickHouse"),
        (2000, Stored(2000, Decimal("2.388735"), Decimal("2.39")), "their cost, USD"),
        (2000, Stored(2000, Decimal("2.39"), Decimal("2.390000000001")), "the key's spend, USD"),
    ],
)
def test_books_that_differ_are_named(calls, stored, wrong):
    found = checks(tally(1000, 1000), upstream_calls=calls, stored=stored)
    assert [check.what for check in found if not check.holds] == [wrong]


def test_calls_of_other_keys_are_not_the_keys_spend():
    counted = tally(1000, 1000)
    counted.add(BY_NAME["held"], outcome(answered=1000))
    stored = Stored(3000, Decimal("3.655"), Decimal("2.39"))
    assert all(check.holds for check in checks(counted, upstream_calls=3000, stored=stored))


def test_a_call_that_failed_is_named():
    counted = tally(10, 0)
    counted.add(BY_NAME["alone"], outcome(answered=0, errors={"status 500": 1}))
    found = checks(counted, upstream_calls=10, stored=Stored(10, Decimal("0.01265"), Decimal("0.01265")))
    assert not found[0].holds


def test_every_case_has_a_model_in_the_config():
    names = {model["model_name"] for model in config_models("http://127.0.0.1:1")}
    assert {f"bench-{case.upstream}" for case in CASES} == names


def test_an_admin_call_without_an_answer_is_a_sentence():
    with pytest.raises(Failed, match="Connection refused"):
        call_json("GET", f"http://127.0.0.1:{free_port()}/key/info")
