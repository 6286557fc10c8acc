"""The exchange's book as far as a point of ours reaches: what later signals did is left out. Pure.

A restored database knows nothing of the signals that came after the backup. Up to the backup's point its books must agree with the
exchange's like any others.
"""

from __future__ import annotations

from dataclasses import replace

from marketbot.audit.records import VenueBook, read_order_name


def up_to_signal(venue: VenueBook, tag: str, last_signal_id: int) -> VenueBook:
    """Return the book without the orders, and the positions they opened, of signals of ours after ``last_signal_id``.

    Holdings stay: what an account holds now is compared whatever opened it.
    """

    def is_later(client_order_id: str) -> bool:
        name = read_order_name(client_order_id, tag)
        return name is not None and name.signal_id > last_signal_id

    return replace(
        venue,
        entries=tuple(entry for entry in venue.entries if not is_later(entry.client_order_id)),
        episodes=tuple(episode for episode in venue.episodes if not is_later(episode.opened_by)),
    )
