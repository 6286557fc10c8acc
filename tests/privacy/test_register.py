"""The register of personal data against the schema: a table or a column that nobody thought of fails here."""

from __future__ import annotations

from marketbot.backup.tables import SCHEMA_TABLE, tables
from marketbot.domain.person import Locale
from marketbot.privacy.readme import FILES, readme
from marketbot.store.personal_data import AUDIT_ADDRESS_WITHHELD, AUDIT_COLUMNS, AUDIT_WITHHELD, NOT_EXPORTED, PARTS
from marketbot.store.personal_part import Owner
from marketbot.store.pool import connect

TOLD_ELSEWHERE = {"audit_entry", "audit_address"}
"""By a statement of its own."""
NUMBERS = {"user_id", "person_id", "account_id"}


async def columns_of(database: str) -> dict[str, set[str]]:
    connection = await connect(database, name="test")
    try:
        return {table.name: set(table.columns) for table in await tables(connection)}
    finally:
        await connection.close()


async def test_every_table_is_exported_or_says_why_not(database: str) -> None:
    schema = set(await columns_of(database)) | {SCHEMA_TABLE}
    nested = {each.table for part in PARTS for each in part.nested}
    exported = {part.table for part in PARTS} | nested | TOLD_ELSEWHERE
    assert exported & NOT_EXPORTED.keys() == set()
    assert exported | NOT_EXPORTED.keys() == schema, "a new table: say in store/personal_data.py what it tells of whom"


async def test_every_column_of_what_is_exported_is_told_or_withheld_with_a_reason(database: str) -> None:
    schema = await columns_of(database)
    for part in PARTS:
        told = {*part.columns, *part.opened}
        assert told & part.withheld.keys() == set()
        assert told | part.withheld.keys() == schema[part.table], part.table
        for nested in part.nested:
            named = {column.partition("::")[0] for column in nested.columns}
            assert named | nested.withheld.keys() == schema[nested.table], nested.table
    assert {*AUDIT_COLUMNS, *AUDIT_WITHHELD} == schema["audit_entry"]
    assert {"entry_id", "address", *AUDIT_ADDRESS_WITHHELD} == schema["audit_address"]
    assert all(reason for part in PARTS for reason in part.withheld.values())
    assert all(NOT_EXPORTED.values())


async def test_what_names_somebody_by_number_is_left_out_for_a_reason_that_is_known(database: str) -> None:
    """A table with somebody's number is exported, but for queues and digests that are named here once more, on purpose."""
    schema = await columns_of(database)
    named = {table for table, columns in schema.items() if columns & NUMBERS}
    assert named - {part.table for part in PARTS} - {each.table for part in PARTS for each in part.nested} == {
        "job",
        "result_day",
    }


def test_nothing_sealed_and_no_digest_is_told() -> None:
    for part in PARTS:
        assert not [
            name for name in part.columns if "sealed" in name or "sha256" in name or ("password" in name and "_at" not in name)
        ]


def test_every_file_is_explained_in_both_languages() -> None:
    assert FILES.keys() == {part.table for part in PARTS} | {"audit_entry"}
    for place, locale in enumerate((Locale.EN, Locale.PT_BR)):
        text = readme(locale)
        assert all(f"{name}.json" in text and texts[place] in text for name, texts in FILES.items())
    assert all(english != portuguese for english, portuguese in FILES.values())


def test_statements_name_the_owner_and_a_bound() -> None:
    for part in PARTS:
        assert "$1" in part.sql
        assert " LIMIT $" in part.sql
        if part.owner is Owner.ACCOUNT:
            assert "t.account_id = $1 AND t.user_id = $2" in part.sql
