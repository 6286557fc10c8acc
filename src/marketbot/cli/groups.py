"""Commands that come in groups: `marketbot users add`, `marketbot backup verify`. Each stands in its own module, as in ``main``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketbot.cli.options import DataDir, JobLimit, Json, Language, Limit
from marketbot.cli.running import run_command

signals = typer.Typer(help="Send signals, and see what became of them.", no_args_is_help=True, rich_markup_mode=None)
accounts = typer.Typer(help="Bring exchange accounts in, and check them.", no_args_is_help=True, rich_markup_mode=None)
sources = typer.Typer(help="Where signals come from, each with its own secret.", no_args_is_help=True, rich_markup_mode=None)
backups = typer.Typer(help="Back the books up, and prove that a backup is good.", rich_markup_mode=None)
users = typer.Typer(help="Who owns accounts and may use the API.", no_args_is_help=True, rich_markup_mode=None)
people = typer.Typer(help="Who logs in, and as what.", no_args_is_help=True, rich_markup_mode=None)
tokens = typer.Typer(help="API tokens of users and operators, each shown once.", no_args_is_help=True, rich_markup_mode=None)
jobs = typer.Typer(help="Work that waits, and work that was given up.", no_args_is_help=True, rich_markup_mode=None)
notices = typer.Typer(
    help="Where users and the operator are told of what went wrong.", no_args_is_help=True, rich_markup_mode=None
)
policy = typer.Typer(help="The operator's defaults and bounds for every account.", no_args_is_help=True, rich_markup_mode=None)

GROUPS = {
    "signal": signals,
    "accounts": accounts,
    "source": sources,
    "users": users,
    "people": people,
    "tokens": tokens,
    "backup": backups,
    "jobs": jobs,
    "notices": notices,
    "policy": policy,
}


@signals.command("send")
def signal_send(
    source: Annotated[str, typer.Argument(help="The source's name.")],
    body: Annotated[str | None, typer.Argument(help="The body as a sender would post it; - reads standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the body from a file.")] = None,
    secret: Annotated[str | None, typer.Option(envvar="MARKETBOT_SOURCE_SECRET", help="The webhook's secret.")] = None,
    url: Annotated[str | None, typer.Option(help="The service's address (default: the one that runs here).")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every account's work is done, and show the result.")] = False,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Post a signal to the service's own webhook."""
    from marketbot.cli.signal_sending import SendOptions, send_signal

    options = SendOptions(source=source, body=body, file=file, secret=secret, url=url, wait=wait)
    run_command(json, data_dir, lambda output, settings: send_signal(output, settings, options))


@signals.command("show")
def signal_show(
    signal_id: Annotated[int, typer.Argument(min=1)],
    limit: Limit = 10_000,
    lang: Language = "en",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Every account's outcome of one signal, with its reason."""
    from marketbot.cli.signals import show_signal

    run_command(json, data_dir, lambda output, settings: show_signal(output, settings, signal_id, limit=limit, lang=lang))


@signals.command("list")
def signal_list(limit: Limit = 20, json: Json = False, data_dir: DataDir = None) -> None:
    """The latest signals."""
    from marketbot.cli.signals import list_signals

    run_command(json, data_dir, lambda output, settings: list_signals(output, settings, limit))


@accounts.command("import")
def accounts_import(
    file: Annotated[Path, typer.Argument(help="A CSV or JSON file of accounts.")], json: Json = False, data_dir: DataDir = None
) -> None:
    """Write accounts and their sealed keys; a second import updates them."""
    from marketbot.cli.accounts import import_file

    run_command(json, data_dir, lambda output, settings: import_file(output, settings, file))


@accounts.command("check")
def accounts_check(
    labels: Annotated[list[str] | None, typer.Argument(help="Labels or numbers of accounts (default: all).")] = None,
    lang: Language = "en",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Ask the venues whether the keys work: rights, mode, address, balance."""
    from marketbot.cli.account_checks import check_accounts

    run_command(json, data_dir, lambda output, settings: check_accounts(output, settings, labels or [], lang=lang))


@accounts.command("list")
def accounts_list(limit: Limit = 10_000, json: Json = False, data_dir: DataDir = None) -> None:
    """All accounts, with their state."""
    from marketbot.cli.accounts import list_accounts

    run_command(json, data_dir, lambda output, settings: list_accounts(output, settings, limit))


@sources.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
    kind: Annotated[str, typer.Option(help="webhook (TradingView: a secret) or program (signs its bodies).")] = "webhook",
    signals_per_hour: Annotated[int, typer.Option(min=1, max=1_000_000)] = 300,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Make a source; its secret is shown once."""
    from marketbot.cli.sources import add_source

    run_command(json, data_dir, lambda output, settings: add_source(output, settings, name, kind, signals_per_hour))


@sources.command("set")
def source_set(
    name: str,
    interval: Annotated[
        str | None,
        typer.Option(help="Chart interval (30, 4h, 1D) of alerts whose time is when their bar opened; none to forget it."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Network that may send (203.0.113.0/24), repeatable; any for every address.")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether its signals are taken.")] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Change what a source may do and how its times are read; takes effect within seconds."""
    from marketbot.cli.sources import SourceChange, change_source

    change = SourceChange(interval, allow, enabled)
    run_command(json, data_dir, lambda output, settings: change_source(output, settings, name, change))


@sources.command("list")
def source_list(json: Json = False, data_dir: DataDir = None) -> None:
    """All sources, without their secrets."""
    from marketbot.cli.sources import list_sources

    run_command(json, data_dir, list_sources)


@sources.command("rotate")
def source_rotate(name: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Give a source another secret, shown once; the old one ends now."""
    from marketbot.cli.sources import rotate_source

    run_command(json, data_dir, lambda output, settings: rotate_source(output, settings, name))


@users.command("add")
def users_add(
    name: Annotated[str, typer.Argument(help="1 to 100 characters.")], json: Json = False, data_dir: DataDir = None
) -> None:
    """Make a user; an import of accounts makes those it names too."""
    from marketbot.cli.users import add_user

    run_command(json, data_dir, lambda output, settings: add_user(output, settings, name))


@users.command("list")
def users_list(limit: Limit = 1_000, json: Json = False, data_dir: DataDir = None) -> None:
    """All users."""
    from marketbot.cli.users import show_users

    run_command(json, data_dir, lambda output, settings: show_users(output, settings, limit))


@users.command("disable")
def users_disable(name: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Refuse a user's tokens, within seconds. Their accounts trade on: `marketbot halt user NUMBER` stops entries."""
    from marketbot.cli.users import enable_user

    run_command(json, data_dir, lambda output, settings: enable_user(output, settings, name, enabled=False))


@users.command("enable")
def users_enable(name: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Take a user's tokens again."""
    from marketbot.cli.users import enable_user

    run_command(json, data_dir, lambda output, settings: enable_user(output, settings, name, enabled=True))


@people.command("list")
def people_list(limit: Limit = 1_000, json: Json = False, data_dir: DataDir = None) -> None:
    """Everybody who can log in."""
    from marketbot.cli.people import show_people

    run_command(json, data_dir, lambda output, settings: show_people(output, settings, limit))


@people.command("invite")
def people_invite(
    email: Annotated[str, typer.Argument(help="Their e-mail address.")],
    role: Annotated[str, typer.Option(help="admin, manager, operator, auditor or user.")] = "user",
    lang: Annotated[str, typer.Option(help="Language of the e-mail: pt-BR or en.")] = "pt-BR",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Invite somebody; the link is mailed, or shown once where no mail server is set."""
    from marketbot.cli.people import invite_person

    run_command(json, data_dir, lambda output, settings: invite_person(output, settings, email, role, lang))


@people.command("disable")
def people_disable(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Shut somebody out, within seconds, with the tokens of their user. Accounts trade on."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(disabled=True)))


@people.command("enable")
def people_enable(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Let somebody in again."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(disabled=False)))


@people.command("unlock")
def people_unlock(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Forget somebody's wrong attempts to log in."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(unlocked=True)))


@people.command("remove-second-factor")
def people_remove_second_factor(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Take a lost second factor away; staff set up another when they log in next."""
    from marketbot.cli.people import change
    from marketbot.people.administration import PersonChange

    run_command(
        json, data_dir, lambda output, settings: change(output, settings, email, PersonChange(without_second_factor=True))
    )


@people.command("reset-link")
def people_reset_link(email: str, json: Json = False, data_dir: DataDir = None) -> None:
    """Make a link by which somebody sets a new password; it is shown once, and holds for an hour."""
    from marketbot.cli.people import reset_link

    run_command(json, data_dir, lambda output, settings: reset_link(output, settings, email))


@people.command("setup-link")
def people_setup_link(json: Json = False, data_dir: DataDir = None) -> None:
    """Make the link by which an admin is made; it is shown once, and holds for a day."""
    from marketbot.cli.people import setup_link

    run_command(json, data_dir, setup_link)


@tokens.command("create")
def tokens_create(
    user: Annotated[str | None, typer.Option(help="The user's name; none makes an operator's token.")] = None,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it opens, repeatable (default: reading); all for everything of its kind."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3_660, help="How long it holds (default: until it is revoked).")] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Make a token; it is shown once."""
    from marketbot.cli.tokens import TokenOptions, make_api_token

    options = TokenOptions(user=user, name=name, scopes=scope, days=days)
    run_command(json, data_dir, lambda output, settings: make_api_token(output, settings, options))


@tokens.command("list")
def tokens_list(
    user: Annotated[str | None, typer.Option(help="Of one user.")] = None,
    limit: Limit = 1_000,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """All tokens, without the tokens themselves."""
    from marketbot.cli.tokens import show_tokens

    run_command(json, data_dir, lambda output, settings: show_tokens(output, settings, user, limit))


@tokens.command("revoke")
def tokens_revoke(token_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """End a token; a running service refuses it within seconds."""
    from marketbot.cli.tokens import revoke_token

    run_command(json, data_dir, lambda output, settings: revoke_token(output, settings, token_id))


@backups.callback(invoke_without_command=True)
def backup(context: typer.Context, json: Json = False, data_dir: DataDir = None) -> None:
    """Make a backup now, while the service runs; see also list and verify."""
    if context.invoked_subcommand is not None:
        return
    from marketbot.cli.backups import back_up

    run_command(json, data_dir, back_up)


@backups.command("list")
def backup_list(json: Json = False, data_dir: DataDir = None) -> None:
    """The backups there are, the newest first."""
    from marketbot.cli.backups import list_backups

    run_command(json, data_dir, list_backups)


@backups.command("verify")
def backup_verify(
    name: Annotated[str, typer.Argument(help="A backup's name, or latest.")] = "latest",
    scratch: Annotated[
        Path | None, typer.Option(resolve_path=True, help="Where the scratch server is made (default: the data directory).")
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Restore a backup into a scratch server, count it, check its books; exit 1 when anything is wrong."""
    from marketbot.cli.backups import verify_backup

    run_command(json, data_dir, lambda output, settings: verify_backup(output, settings, name, scratch))


@jobs.command("list")
def jobs_list(
    kind: Annotated[str | None, typer.Option(help="Of one kind; accounts' own jobs (balance) are shown only so.")] = None,
    limit: JobLimit = 100,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """What waits and runs, the longest due first."""
    from marketbot.cli.jobs import list_jobs

    run_command(json, data_dir, lambda output, settings: list_jobs(output, settings, limit, kind))


@jobs.command("dead")
def jobs_dead(limit: JobLimit = 100, json: Json = False, data_dir: DataDir = None) -> None:
    """Dead letters: what was given up, and why."""
    from marketbot.cli.jobs import list_dead

    run_command(json, data_dir, lambda output, settings: list_dead(output, settings, limit))


@jobs.command("retry")
def jobs_retry(job_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """Let a dead letter begin anew, now."""
    from marketbot.cli.jobs import retry_job

    run_command(json, data_dir, lambda output, settings: retry_job(output, settings, job_id))


@jobs.command("drop")
def jobs_drop(job_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """Forget a dead letter for ever."""
    from marketbot.cli.jobs import drop_job

    run_command(json, data_dir, lambda output, settings: drop_job(output, settings, job_id))


NoticeUser = Annotated[str | None, typer.Option("--user", help="A user's name; none means the operator.")]


@notices.command("set")
def notices_set(
    url: Annotated[str, typer.Argument(help="An https address on the public internet.")],
    user: NoticeUser = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Have notices sent to an address, signed; the secret is shown once."""
    from marketbot.cli.notices import set_hook

    run_command(json, data_dir, lambda output, settings: set_hook(output, settings, url, user))


@notices.command("show")
def notices_show(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Which host notices go to."""
    from marketbot.cli.notices import show_hook

    run_command(json, data_dir, lambda output, settings: show_hook(output, settings, user))


@notices.command("test")
def notices_test(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Send a notice that says nothing; a running service delivers it."""
    from marketbot.cli.notices import test_hook

    run_command(json, data_dir, lambda output, settings: test_hook(output, settings, user))


@notices.command("remove")
def notices_remove(user: NoticeUser = None, json: Json = False, data_dir: DataDir = None) -> None:
    """Have nothing sent any more."""
    from marketbot.cli.notices import remove_hook_of

    run_command(json, data_dir, lambda output, settings: remove_hook_of(output, settings, user))


@policy.command("show")
def policy_show(json: Json = False, data_dir: DataDir = None) -> None:
    """Every setting and its value."""
    from marketbot.cli.policy import show_policy

    run_command(json, data_dir, show_policy)


@policy.command("set")
def policy_set(
    changes: Annotated[list[str], typer.Argument(help="NAME=VALUE, as `policy show` names them; repeatable.")],
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Change settings, all of them or none: leverage.high=8 max_order_notional=50000 restricted_symbols=BTCUSDT,ETHUSDT."""
    from marketbot.cli.policy import set_policy

    run_command(json, data_dir, lambda output, settings: set_policy(output, settings, changes))
