"""Row-level security: what a user's role can see when a statement forgets to say whose rows it wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from marketbot.cli.doctor.finding import Level
from marketbot.cli.doctor.records import check_records
from marketbot.domain.ids import UserId
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import migrate
from marketbot.store.pool import DirectConnection, connect, open_pool
from marketbot.store.user_wall import UserWall, find_wall, sees_all_rows

USER_TABLES = """
SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname IN ('user_id', 'account_id', 'account_ids')
  AND NOT a.attisdropped
"""
GRANTED = """
SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege($1, c.oid, a.attnum, 'SELECT')
GROUP BY c.relname
"""
SHARED = {"installation", "policy", "known_symbol", "source", "box_key", "price_bar"}
"""Readable tables without a user's rows: of ``source`` the name alone, of ``box_key`` the public half, and of prices what is public."""
OWN_OF_SHARED_NAME = {"signal", "switch", "follow"}
"""Guarded tables whose rows carry no user_id."""


async def wall_of(connection: DirectConnection) -> UserWall:
    wall = await find_wall(connection)
    assert wall is not None
    return wall


async def test_every_table_with_users_rows_is_guarded_or_out_of_reach(owner: DirectConnection) -> None:
    wall = await wall_of(owner)
    tables = [row["relname"] for row in await owner.fetch(USER_TABLES)]
    assert len(tables) >= 12
    granted = {row["relname"] for row in await owner.fetch(GRANTED, wall.role)}
    guarded = {
        row["relname"]
        for row in await owner.fetch(
            "SELECT relname FROM pg_class c WHERE relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"
        )
    }
    # A chunk names accounts of many users, a job what is sent to whom, a person who logs in, an erasure who asked, a data key opens keys:
    # out of reach.
    assert sorted(set(tables) - guarded) == ["chunk", "data_key", "erasure", "job", "person"]
    assert granted.isdisjoint(
        {"audit_address", "chunk", "erasure", "job", "person", "login_session", "invitation", "recovery_code", "one_time_link"}
    )
    views = {
        row["relname"]
        for row in await owner.fetch("SELECT relname FROM pg_class WHERE relkind = 'v' AND relname = ANY ($1)", list(granted))
    }
    assert granted - guarded - views == SHARED


async def test_views_within_reach_read_with_the_callers_eyes(owner: DirectConnection) -> None:
    wall = await wall_of(owner)
    rows = await owner.fetch(
        "SELECT relname, reloptions FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
        " AND has_any_column_privilege($1, oid, 'SELECT')",
        wall.role,
    )
    assert [(row["relname"], row["reloptions"]) for row in rows] == [("order_current", ["security_invoker=true"])]


@pytest.mark.parametrize("user_id", [1, 2])
async def test_a_statement_without_a_condition_sees_own_rows_alone(owner: DirectConnection, user_id: int) -> None:
    wall = await wall_of(owner)
    readable = {row["relname"]: row["columns"] for row in await owner.fetch(GRANTED, wall.role)}
    seen = 0
    for table, columns in readable.items():
        if table in SHARED:
            continue
        await owner.execute(wall.opening(UserId(user_id), writes=False))
        rows = await owner.fetch(f"SELECT {columns} FROM {table}")
        await owner.execute("COMMIT")
        assert rows, table
        if table in OWN_OF_SHARED_NAME:
            continue
        assert {row["user_id"] for row in rows} == {user_id}, table
        mine = await owner.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", user_id)
        assert len(rows) == mine
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") > mine
        seen += 1
    assert seen >= 12


async def test_rows_without_a_user_column_are_those_of_own_accounts(owner: DirectConnection) -> None:
    wall = await wall_of(owner)
    await owner.execute(
        "INSERT INTO signal (source_id, dedup_key, action, symbol, body) VALUES (1, 'no accounts', 'open_long', 'X', '')"
    )
    own = {row["account_id"] for row in await owner.fetch("SELECT account_id FROM account WHERE user_id = 1")}
    await owner.execute(wall.opening(UserId(1), writes=False))
    follows = {row["account_id"] for row in await owner.fetch("SELECT account_id FROM follow")}
    switches = {(row["scope"], row["key"]) for row in await owner.fetch("SELECT scope::text, key FROM switch")}
    signals = await owner.fetchval("SELECT count(*) FROM signal")
    await owner.execute("COMMIT")
    assert follows == own
    assert switches == {("everything", ""), ("user", "1"), *(("account", str(account_id)) for account_id in own)}
    assert signals == 9


async def test_nobody_in_particular_sees_nothing(owner: DirectConnection) -> None:
    wall = await wall_of(owner)
    async with owner.transaction():
        await owner.execute(f"SET LOCAL ROLE {wall.role}")
        assert await owner.fetchval("SELECT count(*) FROM intent") == 0
        assert await owner.fetchval("SELECT count(*) FROM account_reading") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT api_secret_sealed FROM account",
        "SELECT api_key_sealed FROM account",
        "SELECT api_key_fingerprint FROM account",
        "SELECT * FROM account",
        "SELECT sealed FROM key_box",
        "SELECT fingerprint FROM key_box",
        "SELECT private_wrapped FROM box_key",
        "SELECT wrapped FROM data_key",
        "UPDATE account SET api_secret_sealed = ''",
        "SELECT sha256 FROM api_token",
        "SELECT secret_sha256 FROM source",
        "SELECT sealed_hmac_key FROM source",
        "SELECT body FROM signal",
        "SELECT reason FROM switch",
        "SELECT * FROM chunk",
        "SELECT * FROM refusal",
        "SELECT * FROM user_wall",
        "UPDATE account SET user_id = 1",
        "UPDATE account SET status = 'ready'",
        "UPDATE app_user SET disabled_at = NULL",
        "UPDATE api_token SET scopes = '{accounts:read}'",
        "INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, planned_at) VALUES (1, 1, 1, 1, 'denied', 'X', now())",
        "DELETE FROM position",
        "TRUNCATE account",
        "CREATE TABLE mine (id int)",
    ],
)
async def test_what_the_role_may_not_even_ask(owner: DirectConnection, statement: str) -> None:
    wall = await wall_of(owner)
    await owner.execute(wall.opening(UserId(1), writes=True))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)
    await owner.execute("ROLLBACK")


async def test_changes_reach_own_rows_alone(owner: DirectConnection) -> None:
    wall = await wall_of(owner)
    await owner.execute(wall.opening(UserId(1), writes=True))
    assert await owner.execute("UPDATE account SET paused = true") == "UPDATE 3"
    assert await owner.execute("UPDATE api_token SET revoked_at = now()") == "UPDATE 1"
    await owner.execute("COMMIT")
    assert {row["user_id"] for row in await owner.fetch("SELECT user_id FROM account WHERE paused")} == {1}
    await owner.execute(wall.opening(UserId(1), writes=True))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await owner.execute(
            "INSERT INTO api_token (user_id, name, scopes, sha256, prefix)"
            " VALUES (2, 'x', '{accounts:read}', decode(repeat('ab', 32), 'hex'), 'mbu_')"
        )
    await owner.execute("ROLLBACK")


async def test_a_read_only_session_writes_nothing(owner: DirectConnection) -> None:
    wall = await wall_of(owner)
    await owner.execute(wall.opening(UserId(1), writes=False))
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await owner.execute("UPDATE account SET paused = true")
    await owner.execute("ROLLBACK")


async def test_the_owner_is_bound_by_no_policy(owner: DirectConnection) -> None:
    assert await sees_all_rows(owner)
    wall = await wall_of(owner)
    await owner.execute(f"SET ROLE {wall.role}")
    assert not await sees_all_rows(owner)


async def test_doctor_finds_a_login_from_whom_rows_are_hidden(owner: DirectConnection) -> None:
    """An engine that connected as a role that does not own the tables would see no account, and say nothing."""
    await owner.execute("CREATE ROLE stranger")
    try:
        await owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO stranger; SET ROLE stranger")
        told = {finding.check: finding async for finding in check_records(owner, 1)}["row-level security"]
        assert (told.level, await owner.fetchval("SELECT count(*) FROM account")) == (Level.WRONG, 0)
    finally:
        await owner.execute("RESET ROLE; DROP OWNED BY stranger; DROP ROLE stranger")


async def test_a_lost_role_is_made_again(owner: DirectConnection, database: str) -> None:
    """As after a dump was restored on another server, where rights and role are missing."""
    await owner.execute("UPDATE user_wall SET role_name = 'marketbot_user_0a1b2c3d'")
    wall = await wall_of(owner)
    assert wall.role == "marketbot_user_0a1b2c3d"
    await owner.execute(wall.opening(UserId(2), writes=False))
    assert {row["user_id"] for row in await owner.fetch("SELECT user_id FROM orders")} == {2}
    await owner.execute("ROLLBACK")


@pytest.fixture
async def plain_login(postgres: EmbeddedPostgres) -> AsyncIterator[tuple[DirectConnection, DirectConnection]]:
    """Give an administrator, and a managed server's kind of login: it owns its database and nothing else."""
    admin = await connect(postgres.dsn, name="test")
    await admin.execute("CREATE ROLE plain LOGIN")
    await admin.execute("CREATE DATABASE of_plain TEMPLATE template0 OWNER plain STRATEGY file_copy")
    plain = await connect(postgres.dsn_for("of_plain"), name="test")
    role = None
    try:
        await plain.execute("SET SESSION AUTHORIZATION plain")
        yield admin, plain
        role = await plain.fetchval("SELECT role_name FROM user_wall")
    finally:
        await plain.close()
        await admin.execute("DROP DATABASE of_plain WITH (FORCE)")
        await admin.execute(f"DROP ROLE IF EXISTS {role or 'nobody'}")
        await admin.execute("DROP ROLE plain")
        await admin.close()


async def test_a_login_that_may_make_roles_raises_the_wall(plain_login: tuple[DirectConnection, DirectConnection]) -> None:
    admin, plain = plain_login
    await admin.execute("ALTER ROLE plain CREATEROLE")
    await migrate(plain)
    wall = await wall_of(plain)
    await plain.execute("INSERT INTO app_user (name) VALUES ('ana'), ('rui')")
    await plain.execute(wall.opening(UserId(2), writes=False))
    assert await plain.fetchval("SELECT string_agg(name, '') FROM app_user") == "rui"
    await plain.execute("COMMIT")
    assert await plain.fetchval("SELECT count(*) FROM app_user") == 2


async def test_a_login_that_may_not_make_roles_goes_on_without(plain_login: tuple[DirectConnection, DirectConnection]) -> None:
    admin, plain = plain_login
    await migrate(plain)
    await plain.execute("INSERT INTO app_user (name) VALUES ('ana')")
    assert await find_wall(plain) is None
    assert await sees_all_rows(plain)
    assert await plain.fetchval("SELECT count(*) FROM app_user") == 1
    told = {finding.check: finding async for finding in check_records(plain, 1)}["row-level security"]
    assert told.level is Level.ADVICE
    # What an administrator may do about it, once.
    role = await plain.fetchval("SELECT role_name FROM user_wall")
    assert f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO" in told.todo
    await admin.execute(f"CREATE ROLE {role} NOLOGIN")
    await admin.execute(f"GRANT {role} TO plain")
    assert await find_wall(plain) == UserWall(role)


async def test_two_installations_on_one_server_are_made_at_once(place: Path) -> None:
    server = EmbeddedPostgres(place)
    await server.start()
    try:
        admin = await asyncpg.connect(server.dsn)
        names = [f"installation_{number}" for number in range(4)]
        try:
            for name in names:
                await admin.execute(f"CREATE DATABASE {name}")
            await asyncio.gather(*(migrate(server.dsn_for(name)) for name in names))
            walls = []
            for name in names:
                connection = await connect(server.dsn_for(name), name="test")
                try:
                    walls.append(await wall_of(connection))
                finally:
                    await connection.close()
            assert len(set(walls)) == len(names)
            # One's role opens nothing of the other's.
            other = await asyncpg.connect(server.dsn_for(names[0]))
            try:
                await other.execute(f"SET ROLE {walls[1].role}")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await other.fetch("SELECT account_id FROM account")
            finally:
                await other.close()
        finally:
            await admin.close()
    finally:
        await server.stop()


async def test_copies_of_one_database_raise_their_wall_at_once(owner: DirectConnection, database: str) -> None:
    """Two processes of one installation, again and again: the role's rights are the same rows of the catalog."""
    await owner.execute("UPDATE user_wall SET role_name = 'marketbot_user_0000beef'")
    pool = await open_pool(database, name="test", size=8)
    try:
        raised = await asyncio.gather(*(pool.fetchval("SELECT raise_user_wall()") for _ in range(24)))
    finally:
        await pool.close()
    assert raised == [True] * 24
