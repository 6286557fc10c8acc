"""Time how long each position stood without a resting stop of its full size."""

from dataclasses import dataclass

from simexchange.engine.account import Account, Position
from simexchange.engine.order import ZERO
from simexchange.engine.vocabulary import Environment, Side, Venue

EPISODES_MAX = 2_000_000


@dataclass(slots=True)
class Episode:
    """A position from the first fill to flat. Times are epoch seconds, None while not yet; `unprotected_s` counts
    the closed stretches only, `unprotected_since` opens the current one."""

    venue: Venue
    environment: Environment
    account_id: int
    symbol: str
    position_side: str
    direction: str
    opened_at: float
    opened_by: str
    stop_resting_at: float | None = None
    closed_at: float | None = None
    closed_by: str = ""
    closed_by_client_order_id: str = ""
    unprotected_s: float = 0.0
    unprotected_since: float | None = None


class Protection:
    """Keep the open episodes by position and the closed ones in order."""

    __slots__ = ("_environment", "_open", "_venue", "episodes")

    def __init__(self, venue: Venue, environment: Environment) -> None:
        self._venue = venue
        self._environment = environment
        self._open: dict[Position, Episode] = {}
        self.episodes: list[Episode] = []

    def reassess(self, account: Account, position: Position, now: float, cause: tuple[str, str] = ("", "")) -> None:
        """Bring the episode up to date after a change; `cause` is the kind and client id of what changed it."""
        episode = self._open.get(position)
        direction = "long" if position.qty > 0 else "short"
        if episode is not None and (not position.qty or episode.direction != direction):
            _settle(episode, now)
            episode.closed_at = now
            episode.closed_by, episode.closed_by_client_order_id = cause
            del self._open[position]
            episode = None
        if not position.qty:
            return
        if episode is None:
            if len(self.episodes) >= EPISODES_MAX:
                raise OverflowError("too many protection episodes")
            episode = Episode(
                self._venue,
                self._environment,
                account.account_id,
                position.symbol,
                position.side,
                direction,
                now,
                cause[1],
                unprotected_since=now,
            )
            self._open[position] = episode
            self.episodes.append(episode)
        if is_covered(account, position):
            _settle(episode, now)
            if episode.stop_resting_at is None:
                episode.stop_resting_at = now
        elif episode.unprotected_since is None:
            episode.unprotected_since = now


def is_covered(account: Account, position: Position) -> bool:
    """Say whether stops of the position's full size rest."""
    against = Side.SELL if position.qty > 0 else Side.BUY
    covered = ZERO
    for conditional in account.open_conditionals.values():
        ticket = conditional.ticket
        if ticket.symbol != position.symbol or ticket.side is not against or ticket.position_side is not position.side:
            continue
        # A stop sells when the price falls, or buys when it rises; the other direction is a target.
        if ticket.rising is (against is Side.SELL):
            continue
        if ticket.close_position:
            return True
        covered += conditional.qty
    return covered >= abs(position.qty)


def _settle(episode: Episode, now: float) -> None:
    if episode.unprotected_since is not None:
        episode.unprotected_s += now - episode.unprotected_since
        episode.unprotected_since = None
