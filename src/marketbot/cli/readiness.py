"""``capacity``, ``loadtest`` and ``readiness``: the doors to the package that looks at us from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marketbot.api.operator_token import operator_token
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.service import stop_on_signals
from marketbot.settings import Settings
from marketbot.supervisor.endpoints import Endpoints
from readiness.capacity.question import Question, answer
from readiness.capacity.turnover import NeverServed
from readiness.language import Language, Texts, texts
from readiness.load.arrivals import Arrivals
from readiness.load.crowd import TokensUnusable, as_many, nobody, read_users
from readiness.load.generator import Plan, run_load
from readiness.load.scenario import ScenarioInvalid, read_scenario
from readiness.load.scenario import scenario as known_scenario
from readiness.load.target import TargetRefused, check_amount, target
from readiness.render.capacity import show as show_capacity_table
from readiness.render.load import show as show_load

ERROR_SHARE_MAX = 0.001


def catalogue(lang: str) -> Texts:
    """Return the texts of a language, or refuse to guess which one was meant."""
    if lang not in tuple(Language):
        raise CommandFailed(FailureReason.USAGE, "--lang takes en or pt.", exit_code=EXIT_USAGE)
    return texts(Language(lang))


async def show_capacity(output: Output, *, accounts: int, venue: str, egress: int, target_s: float, lang: str) -> None:
    """Tell how long a fan-out takes under the venue's limits, and how many addresses the target needs."""
    say = catalogue(lang)
    try:
        found = answer(Question(accounts, venue, egress, target_s))
    except NeverServed as error:
        raise CommandFailed(FailureReason.REFUSED, f"{error}.".capitalize()) from error
    except ValueError as error:
        raise CommandFailed(FailureReason.USAGE, f"{error}.".capitalize(), exit_code=EXIT_USAGE) from error
    output.show(found.document(), lambda console: show_capacity_table(console, found, say))


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """``rate_per_s`` None means as often as the scenario's users ask. ``scenario`` is one of ours by name, or a file's path."""

    url: str
    users: int
    minutes: float
    rate_per_s: float | None
    scenario: str
    arrivals: str
    tokens: Path | None
    operator_token: str | None
    source: str | None
    source_secret: str | None
    signal_id: int | None
    own_target: str | None
    lang: str


async def run_loadtest(output: Output, settings: Settings, options: LoadOptions) -> int:
    """Send the load and show what it found. Exit 1 when requests failed in more than a thousandth, or the generator was too slow."""
    say = catalogue(options.lang)
    try:
        plan, left_out = _plan(settings, options)
    except (TargetRefused, ScenarioInvalid, TokensUnusable, OSError, ValueError) as error:
        raise CommandFailed(FailureReason.USAGE, f"{error}.", exit_code=EXIT_USAGE) from error
    stopping = stop_on_signals()
    result = await run_load(plan, ended=stopping.is_set)
    document = {**result.document(), "left_out": left_out}
    output.show(document, lambda console: show_load(console, result, say, left_out=left_out))
    return 1 if result.late or result.error_share >= ERROR_SHARE_MAX else 0


def _plan(settings: Settings, options: LoadOptions) -> tuple[Plan, list[str]]:
    """Return the load, and the names of the routes that nobody gave a token or a value for."""
    where = target(options.url, owned=options.own_target)
    named = Path(options.scenario)
    whole = read_scenario(named.read_text()) if named.suffix == ".toml" else known_scenario(options.scenario)
    rate = options.users * whole.requests_per_user_s if options.rate_per_s is None else options.rate_per_s
    check_amount(users=options.users, minutes=options.minutes, rate_per_s=rate)
    users = nobody(options.users) if options.tokens is None else as_many(read_users(options.tokens), options.users)
    token = options.operator_token or _own_token(settings, options.url)
    values = {"signal_id": str(options.signal_id)} if options.signal_id is not None else {}
    if options.source is not None and options.source_secret is not None:
        values |= {"source": options.source, "secret": options.source_secret}
    usable = whole.usable(operator=bool(token), users=options.tokens is not None, values=values)
    left_out = [route.name for route in whole.routes if route not in usable.routes]
    left_out += ["signal"] if whole.webhook is not None and usable.webhook is None else []
    if not usable.routes:
        raise ScenarioInvalid("none of the scenario's routes can be asked with the tokens that were given")
    plan = Plan(where, usable, users, options.minutes * 60, rate, Arrivals(options.arrivals), operator_token=token, values=values)
    return plan, left_out


def _own_token(settings: Settings, url: str) -> str:
    """Return the operator's token of the service that runs here, if that is the one that is loaded."""
    running = Endpoints.read(settings.data_dir)
    if running is None or running.api_url.rstrip("/") != url.rstrip("/") or not settings.operator_token_file.exists():
        return ""
    return operator_token(settings)
