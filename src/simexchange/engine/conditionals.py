"""Place, trigger and clear orders that wait for a price, with the venues' rules about siblings."""

from decimal import Decimal

from simexchange.engine import matching
from simexchange.engine.account import Account, Position
from simexchange.engine.market import Market
from simexchange.engine.order import ZERO, Conditional, ConditionalTicket, Order
from simexchange.engine.refusal import Reason, RefusedError
from simexchange.engine.vocabulary import (
    ConditionalStatus,
    Ending,
    LedgerEvent,
    OrderKind,
    OrderStatus,
    Purpose,
    Side,
)


def place(market: Market, account: Account, ticket: ConditionalTicket) -> Conditional:
    """Accept a conditional order; refuse it with nothing changed.

    Margin is not checked until the trigger (Binance algo service; Bybit conditional orders hold none either).
    """
    instrument = market.instrument(ticket.symbol)
    matching.check_position_side(account, ticket.position_side)
    position = account.position(ticket.symbol, ticket.position_side)
    instrument.check_price(ticket.trigger)
    if ticket.kind is OrderKind.LIMIT:
        instrument.check_price(ticket.price)
    if ticket.close_position:
        if not ticket.attached and (not position.qty or position.visible_at > market.clock.now()):
            raise RefusedError(Reason.POSITION_ABSENT)
    else:
        limit = ticket.kind is OrderKind.LIMIT
        instrument.check_qty(ticket.qty, instrument.max_qty if limit else instrument.max_market_qty)
        notional = ticket.qty * (ticket.price if limit else ticket.trigger)
        if not ticket.reduce_only and notional < instrument.min_notional:
            raise RefusedError(Reason.NOTIONAL_BELOW_MINIMUM, minimum=format(instrument.min_notional, "f"))
    price = market.prices[ticket.symbol]
    if price >= ticket.trigger if ticket.rising else price <= ticket.trigger:
        raise _already_passed(ticket.trigger, price, rising=ticket.rising)
    _check_others(market, account, ticket)
    return _add(market, account, ticket)


def cancel(market: Market, conditional: Conditional, ending: Ending = Ending.BY_USER) -> None:
    """Take a waiting conditional order away."""
    if not conditional.is_open:
        raise RefusedError(Reason.ORDER_UNKNOWN)
    _end(market, conditional, ConditionalStatus.CANCELED, ending)
    _reassess(market, conditional)


def fire(market: Market, conditional: Conditional) -> None:
    """Turn a conditional order whose price has come into an order, and settle its siblings."""
    ticket = conditional.ticket
    account = conditional.account
    conditional.triggered_at_ms = conditional.updated_at_ms = market.time_ms()
    position = account.position(ticket.symbol, ticket.position_side)
    must_reduce = ticket.reduce_only or ticket.close_position
    if must_reduce and not matching.is_reducing(position, ticket.side):
        conditional.reject_text = "Reduce Only reject"
        _end(market, conditional, ConditionalStatus.REJECTED, Ending.REDUCE_ONLY)
        return
    conditional.status = ConditionalStatus.FINISHED
    account.keep_conditional(conditional)
    market.record_conditional(LedgerEvent.TRIGGERED, conditional)
    if ticket.attached:
        _cancel_attached_sibling(market, conditional)
    child = matching.make_child(market, conditional)
    if child.status is OrderStatus.REJECTED:
        conditional.status = ConditionalStatus.REJECTED
        conditional.reject_text = "Margin is insufficient."
    _tell(conditional)
    _reassess(market, conditional)


def clear_position(market: Market, account: Account, position: Position, closed_by: Order) -> None:
    """Take away what depends on a position that has just become flat.

    closePosition orders expire (Binance, GTE) or are cancelled (Bybit, CancelByTpSlTsClear); sized reduce-only
    conditional orders stay, and are refused when they trigger.
    """
    for conditional in list(account.open_conditionals.values()):
        ticket = conditional.ticket
        if ticket.symbol != position.symbol or ticket.position_side is not position.side:
            continue
        if ticket.close_position and conditional is not closed_by.origin:
            expired = market.rules.one_close_position_each
            status = ConditionalStatus.EXPIRED if expired else ConditionalStatus.CANCELED
            _end(market, conditional, status, Ending.POSITION_CLOSED)


def attach(
    market: Market,
    account: Account,
    position: Position,
    *,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
) -> None:
    """Set a position's full-size stop and target; None leaves one as it is, zero takes it away.

    Raises `RefusedError` MODE_UNCHANGED when nothing would change, or when a price lies on the wrong side.
    """
    long = position.qty > 0
    check_attached(market, position.symbol, long=long, stop_loss=stop_loss, take_profit=take_profit)
    if not _set_attached(market, account, position, stop_loss, take_profit, ""):
        raise RefusedError(Reason.MODE_UNCHANGED)


def attach_on_fill(market: Market, position: Position, order: Order) -> None:
    """Set the stop and target that came with an entry, once it fills and if it made the position.

    They were checked against the price when the order came in; one that has been passed since triggers at once.
    """
    if position.qty * order.side.sign > 0:
        _set_attached(market, order.account, position, order.stop_loss, order.take_profit, order.client_order_id)


def _set_attached(
    market: Market,
    account: Account,
    position: Position,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    parent_client_order_id: str,
) -> bool:
    """Bring the attached orders to the wanted prices, the new one before the old one goes; say if anything changed."""
    long = position.qty > 0
    changed = False
    for purpose, price in ((Purpose.STOP, stop_loss), (Purpose.TARGET, take_profit)):
        current = attached(account, position, purpose)
        if price is None or price == (current.trigger if current else ZERO):
            continue
        changed = True
        if price:
            ticket = ConditionalTicket(
                symbol=position.symbol,
                side=Side.SELL if long else Side.BUY,
                qty=abs(position.qty),
                client_order_id="",
                trigger=price,
                rising=long is (purpose is Purpose.TARGET),
                purpose=purpose,
                position_side=position.side,
                reduce_only=True,
                close_position=True,
                attached=True,
                parent_client_order_id=parent_client_order_id,
            )
            _add(market, account, ticket)
        if current is not None:
            _end(market, current, ConditionalStatus.CANCELED, Ending.REPLACED if price else Ending.BY_USER)
    if changed:
        market.protection.reassess(account, position, market.clock.now())
        for sink in account.sinks:
            sink.position_changed(position)
    return changed


def attached(account: Account, position: Position, purpose: Purpose) -> Conditional | None:
    """Return the position's own stop or target, if one rests."""
    for conditional in account.open_conditionals.values():
        ticket = conditional.ticket
        if (
            ticket.attached
            and ticket.purpose is purpose
            and ticket.symbol == position.symbol
            and ticket.position_side is position.side
        ):
            return conditional
    return None


def check_attached(market: Market, symbol: str, *, long: bool, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
    """Refuse an attached stop or target off the tick or on the wrong side of the price."""
    instrument = market.instrument(symbol)
    price = market.prices[symbol]
    side = "Buy" if long else "Sell"
    if stop_loss:
        instrument.check_price(stop_loss)
        if stop_loss >= price if long else stop_loss <= price:
            raise RefusedError(Reason.STOP_LOSS_WRONG_SIDE, side=side, value=str(stop_loss), price=str(price))
    if take_profit:
        instrument.check_price(take_profit)
        if take_profit <= price if long else take_profit >= price:
            raise RefusedError(Reason.TAKE_PROFIT_WRONG_SIDE, side=side, value=str(take_profit), price=str(price))


def amend(market: Market, conditional: Conditional, qty: Decimal | None, trigger: Decimal | None) -> None:
    """Change a waiting conditional order's quantity or trigger."""
    instrument = market.instrument(conditional.ticket.symbol)
    if qty:
        instrument.check_qty(qty, instrument.max_qty)
        conditional.qty = qty
    if trigger:
        instrument.check_price(trigger)
        price = market.prices[conditional.ticket.symbol]
        if price >= trigger if conditional.ticket.rising else price <= trigger:
            raise _already_passed(trigger, price, rising=conditional.ticket.rising)
        index = market.triggers[conditional.ticket.symbol]
        index.remove(conditional)
        conditional.trigger = trigger
        conditional.ticket = conditional.ticket._replace(trigger=trigger)
        index.add(conditional, trigger, rising=conditional.ticket.rising)
    conditional.updated_at_ms = market.time_ms()
    _tell(conditional)
    _reassess(market, conditional)


def _already_passed(trigger: Decimal, price: Decimal, *, rising: bool) -> RefusedError:
    return RefusedError(Reason.TRIGGER_ALREADY_PASSED, trigger=str(trigger), price=str(price), rising="1" if rising else "2")


def _check_others(market: Market, account: Account, ticket: ConditionalTicket) -> None:
    rules = market.rules
    if ticket.client_order_id:
        known = account.conditional_by_client_id.get(ticket.client_order_id)
        reused = known is not None and (known.is_open or not rules.client_order_id_reusable)
        order = account.order_by_client_id.get(ticket.client_order_id)
        if reused or (order is not None and not rules.client_order_id_reusable):
            raise RefusedError(Reason.CLIENT_ORDER_ID_DUPLICATE)
    here = 0
    for other in account.open_conditionals.values():
        if other.ticket.symbol != ticket.symbol:
            continue
        here += 1
        if (
            rules.one_close_position_each
            and ticket.close_position
            and other.ticket.close_position
            and other.ticket.purpose is ticket.purpose
            and other.ticket.side is ticket.side
            and other.ticket.position_side is ticket.position_side
        ):
            raise RefusedError(Reason.CLOSE_POSITION_EXISTS)
    if here >= rules.conditionals_per_symbol or len(account.open_conditionals) >= rules.conditionals_per_account:
        raise RefusedError(Reason.CONDITIONALS_TOO_MANY)


def _add(market: Market, account: Account, ticket: ConditionalTicket) -> Conditional:
    now_ms = market.time_ms()
    conditional = Conditional(
        conditional_id=market.next_conditional_id(),
        account=account,
        ticket=ticket,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        trigger=ticket.trigger,
        qty=ticket.qty,
        price_at_creation=market.prices[ticket.symbol],
    )
    if ticket.order_hidden_s:
        conditional.visible_at = market.clock.now() + ticket.order_hidden_s
    account.keep_conditional(conditional)
    market.triggers[ticket.symbol].add(conditional, ticket.trigger, rising=ticket.rising)
    market.record_conditional(LedgerEvent.ACCEPTED, conditional)
    _tell(conditional)
    _reassess(market, conditional)
    return conditional


def _cancel_attached_sibling(market: Market, fired: Conditional) -> None:
    ending = Ending.SIBLING_STOP_TRIGGERED if fired.ticket.purpose is Purpose.STOP else Ending.SIBLING_TARGET_TRIGGERED
    for other in list(fired.account.open_conditionals.values()):
        ticket = other.ticket
        same = ticket.symbol == fired.ticket.symbol and ticket.position_side is fired.ticket.position_side
        if ticket.attached and same and ticket.purpose is not fired.ticket.purpose:
            _end(market, other, ConditionalStatus.CANCELED, ending)


def _end(market: Market, conditional: Conditional, status: ConditionalStatus, ending: Ending) -> None:
    conditional.status, conditional.ending = status, ending
    conditional.updated_at_ms = market.time_ms()
    market.triggers[conditional.ticket.symbol].remove(conditional)
    conditional.account.keep_conditional(conditional)
    event = {
        ConditionalStatus.CANCELED: LedgerEvent.CANCELED,
        ConditionalStatus.EXPIRED: LedgerEvent.EXPIRED,
        ConditionalStatus.REJECTED: LedgerEvent.REJECTED,
    }[status]
    market.record_conditional(event, conditional)
    _tell(conditional)


def _reassess(market: Market, conditional: Conditional) -> None:
    ticket = conditional.ticket
    position = conditional.account.positions.get((ticket.symbol, ticket.position_side))
    if position is not None and position.qty:
        market.protection.reassess(conditional.account, position, market.clock.now())


def _tell(conditional: Conditional) -> None:
    for sink in conditional.account.sinks:
        sink.conditional_changed(conditional)
