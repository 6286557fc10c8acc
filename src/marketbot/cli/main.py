"""The command line's table of commands. What a command does stands in its own module, imported only when it is run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer._click.exceptions import ClickException
from typer.exceptions import Abort, TyperException

from marketbot.cli.failure import EXIT_INTERRUPTED, EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.groups import GROUPS
from marketbot.cli.options import DataDir, Json, Language, Limit
from marketbot.cli.output import Output
from marketbot.cli.running import run_command

commands = typer.Typer(
    name="marketbot",
    help="One trading signal in, protected orders on thousands of exchange accounts out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
for _name, _group in GROUPS.items():
    commands.add_typer(_group, name=_name)


def app() -> None:
    """Run the command that the arguments name, and exit with its code: 0 well, 1 failed, 2 called wrongly."""
    as_json = "--json" in sys.argv[1:]
    try:
        code = commands(standalone_mode=False)
    except TyperException as error:
        message = error.format_message() if isinstance(error, ClickException) else str(error)
        if isinstance(error, ClickException) and not as_json:
            error.show()
            sys.exit(EXIT_USAGE)
        Output(as_json=as_json).failed(CommandFailed(FailureReason.USAGE, message))
        sys.exit(EXIT_USAGE)
    except (Abort, KeyboardInterrupt):
        Output(as_json=as_json).failed(CommandFailed(FailureReason.INTERRUPTED, "Interrupted."))
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


@commands.command()
def up(
    api: Annotated[int | None, typer.Option(min=1, max=32, help="HTTP processes, on ports one after the other.")] = None,
    executors: Annotated[int | None, typer.Option(min=1, max=32, help="Engine processes; they share the accounts.")] = None,
    front_door: Annotated[
        bool,
        typer.Option("--front-door", help="Run HAProxy before the HTTP processes: limits, and no gap when one of them restarts."),
    ] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Run the service: database, engines and API, until Ctrl-C. DATABASE_URL replaces the embedded database."""
    from marketbot.cli.service import run_service, with_processes

    run_command(
        json, data_dir, lambda output, settings: run_service(output, with_processes(settings, api, executors, front_door))
    )


@commands.command()
def restart(
    rolling: Annotated[bool, typer.Option("--rolling", help="One process after the other, while the others serve.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Start every process of the running service anew, as after an upgrade of the program."""
    from marketbot.cli.restart import restart_rolling

    run_command(json, data_dir, lambda output, settings: restart_rolling(output, settings, rolling=rolling))


@commands.command("front-door")
def front_door(
    write: Annotated[Path, typer.Option(help="The file to write.")],
    listen: Annotated[str, typer.Option(help="Where it listens: HOST:PORT, or :PORT for every address.")] = ":8080",
    api: Annotated[
        list[str] | None, typer.Option(help="An API's address, http://HOST:PORT, repeatable (default: those here).")
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write HAProxy's configuration for the API processes: checks, draining, limits, time-outs."""
    from marketbot.cli.front_door import write_front_door

    run_command(json, data_dir, lambda output, settings: write_front_door(output, settings, write, listen, api or []))


@commands.command()
def demo(
    accounts: Annotated[int, typer.Option(min=20, max=20_000, help="How many accounts to simulate.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Seed of the accounts, the instruments and the faults.")] = 1,
    faults: Annotated[bool, typer.Option("--faults", help="Let the simulated venues misbehave.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data directory afterwards.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="An empty place for the data, removed afterwards unless kept (default: a temporary one).")
    ] = None,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--no-stay", help="Leave the console open after the audit (default: where a person watches)."),
    ] = None,
    json: Json = False,
) -> None:
    """SIMULATION: signals, a thousand accounts, moving markets and an audit, on this machine alone."""
    from marketbot.cli.demo.command import DemoOptions, run_demo

    watched = sys.stdin.isatty() and sys.stdout.isatty()
    stays = not json and (watched if stay is None else stay)
    options = DemoOptions(accounts=accounts, seed=seed, faults=faults, keep=keep, data_dir=data_dir, stay=stays)
    run_command(json, None, lambda output, _settings: run_demo(output, options))


@commands.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulator(context: typer.Context, json: Json = False) -> None:
    """SIMULATION: run the exchange simulator alone; `simulator --help` tells its own options."""
    from marketbot.cli.service import become_simulator

    become_simulator(context.args)


@commands.command()
def orders(
    signal: Annotated[int | None, typer.Option(help="Of one signal.")] = None,
    account: Annotated[int | None, typer.Option(help="Of one account.")] = None,
    unfinished: Annotated[bool, typer.Option("--open", help="Only those that may still rest or move at a venue.")] = False,
    limit: Limit = 50,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """The latest orders and where they stand."""
    from marketbot.cli.orders import OrderFilter, list_orders

    wanted = OrderFilter(signal_id=signal, account_id=account, unfinished=unfinished, limit=limit)
    run_command(json, data_dir, lambda output, settings: list_orders(output, settings, wanted))


@commands.command()
def positions(
    account: Annotated[int | None, typer.Option(help="Of one account.")] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Closed ones too.")] = False,
    limit: Limit = 1_000,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """What accounts hold, and how it is protected."""
    from marketbot.cli.orders import PositionFilter, list_positions

    wanted = PositionFilter(account_id=account, closed=closed, limit=limit)
    run_command(json, data_dir, lambda output, settings: list_positions(output, settings, wanted))


Scope = Annotated[str, typer.Argument(help="everything, environment, venue, instrument, user or account.")]
Key = Annotated[str, typer.Argument(help="Which one: mainnet, binance, BTCUSDT, a user's or account's number.")]


@commands.command()
def halt(
    scope: Scope = "everything",
    key: Key = "",
    reason: Annotated[str, typer.Option(help="Why; others will read it.")] = "",
    reducing: Annotated[bool, typer.Option("--reducing", help="Running positions down, not halted; entries stop too.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Stop new entries. Closes and stops always go through."""
    from marketbot.cli.switches import halt_scope

    run_command(
        json, data_dir, lambda output, settings: halt_scope(output, settings, scope, key, reason=reason, reducing=reducing)
    )


@commands.command()
def resume(scope: Scope = "everything", key: Key = "", json: Json = False, data_dir: DataDir = None) -> None:
    """Take a halt back."""
    from marketbot.cli.switches import resume_scope

    run_command(json, data_dir, lambda output, settings: resume_scope(output, settings, scope, key))


@commands.command()
def restore(
    name: Annotated[str, typer.Argument(help="A backup's name, or latest.")],
    replace: Annotated[bool, typer.Option("--replace", help="Set aside what the database holds.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Bring a backup back into an empty database; the service must be stopped. Everything is halted afterwards."""
    from marketbot.cli.backups import restore_backup

    run_command(json, data_dir, lambda output, settings: restore_backup(output, settings, name, replace=replace))


@commands.command()
def egress(json: Json = False, data_dir: DataDir = None) -> None:
    """The addresses that requests leave from: what users whitelist."""
    from marketbot.cli.egress import list_egress

    run_command(json, data_dir, list_egress)


@commands.command()
def doctor(
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Look at the database server's own settings and replicas.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option(help="With --postgres: write recommended settings to this file, as a postgresql.conf.")
    ] = None,
    server_memory_gb: Annotated[
        float | None, typer.Option(min=0.25, help="With --postgres: the server's memory (default: this machine's).")
    ] = None,
    server_cores: Annotated[int | None, typer.Option(min=1, help="With --postgres: its cores (default: this machine's).")] = None,
    machines: Annotated[int, typer.Option(min=1, max=1_000, help="With --postgres: machines that run this installation.")] = 1,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """What is wrong with this installation, in plain words, and what to do."""
    if postgres:
        from marketbot.cli.doctor.postgres import PostgresOptions, run_postgres_doctor

        options = PostgresOptions(write, server_memory_gb, server_cores, machines)
        run_command(json, data_dir, lambda output, settings: run_postgres_doctor(output, settings, options))
        return
    from marketbot.cli.doctor.command import run_doctor

    run_command(json, data_dir, run_doctor)


@commands.command()
def capacity(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts trade one signal.")] = 1_000,
    venue: Annotated[str, typer.Option(help="binance or bybit.")] = "bybit",
    egress: Annotated[int, typer.Option(min=1, help="Source addresses they are spread over.")] = 1,
    target_s: Annotated[float, typer.Option(help="Seconds in which the last account is to be done.")] = 10.0,
    lang: Language = "en",
    json: Json = False,
) -> None:
    """How long a fan-out takes under a venue's limits, and how many addresses a target needs."""
    from marketbot.cli.readiness import show_capacity

    run_command(
        json,
        None,
        lambda output, _settings: show_capacity(
            output, accounts=accounts, venue=venue, egress=egress, target_s=target_s, lang=lang
        ),
    )


@commands.command()
def loadtest(
    users: Annotated[int, typer.Option(min=1, help="Virtual users.")] = 1_000,
    minutes: Annotated[float, typer.Option(help="How long.")] = 5.0,
    url: Annotated[str, typer.Option(help="The service's address.")] = "http://127.0.0.1:8000",
    rate: Annotated[float | None, typer.Option(help="Requests a second of all users (default: as the scenario says).")] = None,
    scenario: Annotated[str, typer.Option(help="operator, users, or a TOML file of routes.")] = "operator",
    arrivals: Annotated[str, typer.Option(help="poisson (as strangers come) or constant.")] = "poisson",
    tokens: Annotated[Path | None, typer.Option(help='JSON lines, one user each: {"token": "...", "account_id": 7}.')] = None,
    operator_token: Annotated[
        str | None, typer.Option(envvar="MARKETBOT_OPERATOR_TOKEN", help="For the operator's reads.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="A source that nobody follows, to send signals to.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="MARKETBOT_SOURCE_SECRET", help="The source's secret.")] = None,
    signal_id: Annotated[int | None, typer.Option("--signal", min=1, help="A signal whose outcome is read.")] = None,
    own_target: Annotated[
        str | None, typer.Option("--i-own-this-target", help="The host's name once more, to load another machine than this one.")
    ] = None,
    lang: Language = "en",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Load the API as a crowd would: requests start when they are due, and latency counts from then."""
    from marketbot.cli.readiness import LoadOptions, run_loadtest

    options = LoadOptions(
        url, users, minutes, rate, scenario, arrivals, tokens, operator_token, source, secret, signal_id, own_target, lang
    )
    run_command(json, data_dir, lambda output, settings: run_loadtest(output, settings, options))


@commands.command()
def readiness(
    isolated: Annotated[
        bool, typer.Option("--isolated", help="A throw-away installation with simulated venues: all drills.")
    ] = False,
    users: Annotated[int, typer.Option(min=1, help="Virtual users of the load.")] = 1_000,
    accounts: Annotated[int, typer.Option(help="Simulated accounts of a throw-away installation.")] = 1_000,
    minutes: Annotated[float, typer.Option(help="How long the load lasts.")] = 2.0,
    form: Annotated[str, typer.Option("--format", help="terminal, json, markdown or html.")] = "terminal",
    file: Annotated[Path | None, typer.Option("--output", help="Write the report to a file.")] = None,
    prometheus: Annotated[
        str | None, typer.Option(help="The Prometheus on this machine that watches the service: are our alert rules loaded?")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave an isolated run's report in this installation's console too.")
    ] = False,
    lang: Language = "en",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Are we ready? Load, fan-out, fault drills and checks, scored by the criteria; exit 0 from 85 %."""
    from marketbot.cli.examination import ExaminationOptions, run_readiness

    options = ExaminationOptions(isolated, users, accounts, minutes, form, file, lang, prometheus, keep)
    run_command(json, data_dir, lambda output, settings: run_readiness(output, settings, options))


if __name__ == "__main__":
    app()
