"""One template, two renderings: a single server and a cluster."""

import pytest

from services.ledger.schema import first_statements, migrations


def _all(database: str, cluster: str) -> list[str]:
    return [
        *first_statements(database, cluster),
        *(sql for one in migrations(database, cluster) for sql in one.statements),
    ]


def test_files_are_numbered_from_one_without_a_gap() -> None:
    assert [one.version for one in migrations("gw", "")] == list(range(1, len(migrations("gw", "")) + 1))


def test_on_one_server_nothing_is_replicated_and_every_table_remembers_its_inserts() -> None:
    statements = _all("gw", "")
    assert not any("Replicated" in sql or "ON CLUSTER" in sql for sql in statements)
    tables = [sql for sql in statements if "INSERT" not in sql and sql.startswith("CREATE TABLE")]
    assert len(tables) == 3
    assert all("non_replicated_deduplication_window = 10000" in sql for sql in tables if "schema_versions" not in sql)


def test_on_a_cluster_everything_is_made_everywhere_and_tables_are_replicated() -> None:
    statements = _all("gw", "east")
    assert all("ON CLUSTER east" in sql for sql in statements)
    tables = [sql for sql in statements if sql.startswith("CREATE TABLE")]
    assert all("ENGINE = ReplicatedReplacingMergeTree" in sql for sql in tables)
    assert all("replicated_deduplication_window_seconds" in sql for sql in tables if "schema_versions" not in sql)


def test_no_mark_of_the_template_is_left_and_all_names_are_in_the_database() -> None:
    for sql in _all("gw", "") + _all("gw", "east"):
        assert "{" not in sql
        assert "gw" in sql


@pytest.mark.parametrize("name", ["", "a b", "a;drop", "1st", "größe", "a-b"])
def test_a_name_that_would_have_to_be_quoted_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        migrations(name, "")
