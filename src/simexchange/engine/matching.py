"""Take orders, fill them at the simulator's price, cancel and amend them."""

from decimal import Decimal

from simexchange.engine import conditionals, margin
from simexchange.engine.account import Account, Position
from simexchange.engine.instrument import Instrument
from simexchange.engine.market import Market
from simexchange.engine.order import ZERO, Conditional, Fill, Order, Ticket
from simexchange.engine.refusal import Reason, RefusedError
from simexchange.engine.vocabulary import (
    Ending,
    LedgerEvent,
    OrderKind,
    OrderStatus,
    PositionSide,
    Side,
    TimeInForce,
)

OPEN_ORDERS_PER_SYMBOL = 200


def submit(market: Market, account: Account, ticket: Ticket) -> Order:
    """Accept an order and, where it can, fill it at once; refuse it with nothing changed."""
    instrument = market.instrument(ticket.symbol)
    price = market.prices[ticket.symbol]
    check_position_side(account, ticket.position_side)
    position = account.position(ticket.symbol, ticket.position_side)
    reducing = is_reducing(position, ticket.side)
    reduce_only = ticket.reduce_only or (ticket.position_side is not PositionSide.BOTH and opens_not(ticket))
    if reduce_only and not reducing:
        raise RefusedError(Reason.REDUCE_ONLY_WITHOUT_POSITION)
    qty = abs(position.qty) if ticket.close_position else ticket.qty
    _check_size(instrument, ticket, qty, price, reduce_only)
    if reduce_only and qty > abs(position.qty):
        if ticket.position_side is not PositionSide.BOTH and not ticket.reduce_only:
            raise RefusedError(Reason.REDUCE_ONLY_WITHOUT_POSITION)
        qty = abs(position.qty)
    _check_client_id(market, account, ticket.client_order_id)
    if not reduce_only:
        _check_margin(market, account, ticket, qty, position, reducing, price)
    order = _make(market, account, ticket, qty, reduce_only)
    market.record(LedgerEvent.ACCEPTED, order, qty, ticket.price if ticket.kind is OrderKind.LIMIT else price)
    _work(market, order, ticket, price)
    return order


def check_position_side(account: Account, side: PositionSide) -> None:
    """Refuse a position side that the account's mode does not have."""
    if account.hedge is (side is PositionSide.BOTH):
        raise RefusedError(Reason.POSITION_SIDE_MISMATCH)


def is_reducing(position: Position, side: Side) -> bool:
    """Say whether an order of that side makes the position smaller."""
    return position.qty * side.sign < 0


def opens_not(ticket: Ticket) -> bool:
    """Say whether a hedge-mode order can only close: a sale of the long, a purchase of the short."""
    return (ticket.position_side is PositionSide.LONG) is (ticket.side is Side.SELL)


def cancel(market: Market, order: Order, ending: Ending = Ending.BY_USER) -> None:
    """Take an open order out of the book."""
    if not order.is_open:
        raise RefusedError(Reason.ORDER_UNKNOWN)
    _end(market, order, OrderStatus.CANCELED, ending)
    market.triggers[order.symbol].remove(order)


def amend(market: Market, order: Order, qty: Decimal | None, price: Decimal | None) -> None:
    """Change an open limit order's quantity or price; it fills at once if it now crosses."""
    instrument = market.instrument(order.symbol)
    if not order.is_open:
        raise RefusedError(Reason.ORDER_UNKNOWN)
    new_qty, new_price = qty or order.qty, price or order.price
    if (new_qty, new_price) == (order.qty, order.price):
        raise RefusedError(Reason.NOTHING_TO_AMEND)
    instrument.check_qty(new_qty, instrument.max_qty)
    instrument.check_price(new_price)
    order.qty, order.price = new_qty, new_price
    order.updated_at_ms = market.time_ms()
    index = market.triggers[order.symbol]
    index.remove(order)
    if _crosses(order, market.prices[order.symbol]):
        fill(market, order, order.leaves_qty, market.prices[order.symbol], maker=False)
    else:
        index.add(order, order.price, rising=order.side is Side.SELL)
        _tell(order, None)


def make_child(market: Market, conditional: Conditional) -> Order:
    """Make and work the order that a triggered conditional order stands for; it may end rejected or expired."""
    ticket = conditional.ticket
    account = conditional.account
    position = account.position(ticket.symbol, ticket.position_side)
    qty = abs(position.qty) if ticket.close_position else conditional.qty
    closing = ticket.reduce_only or ticket.close_position or ticket.position_side is not PositionSide.BOTH
    if ticket.reduce_only or ticket.close_position:
        qty = min(qty, abs(position.qty))
    child_ticket = Ticket(
        symbol=ticket.symbol,
        side=ticket.side,
        qty=qty,
        client_order_id=ticket.client_order_id,
        kind=ticket.kind,
        position_side=ticket.position_side,
        price=ticket.price,
        reduce_only=ticket.reduce_only,
        close_position=ticket.close_position,
    )
    order = _make(market, account, child_ticket, qty, closing and is_reducing(position, ticket.side), conditional)
    price = market.prices[ticket.symbol]
    if not is_reducing(position, ticket.side) and _margin_short(market, account, qty, price, ticket.symbol):
        _end(market, order, OrderStatus.REJECTED, Ending.MARGIN)
        return order
    _work(market, order, child_ticket, price)
    return order


def settle_price(market: Market, symbol: str) -> int:
    """Fill and trigger whatever the symbol's present price sets off; return how many."""
    count = 0
    for told in market.price_listeners:
        told(symbol)
    # What fills may leave a stop that the same price has already passed: hence until nothing more is due.
    while due := market.triggers[symbol].take_due(market.prices[symbol]):
        for waiting in due:
            if isinstance(waiting, Order) and waiting.is_open:
                fill(market, waiting, waiting.leaves_qty, waiting.price, maker=True)
                count += 1
            elif isinstance(waiting, Conditional) and waiting.is_open:
                conditionals.fire(market, waiting)
                count += 1
    return count


def fill(market: Market, order: Order, qty: Decimal, price: Decimal, *, maker: bool) -> None:
    """Execute part or all of an order, and bring position, balance, siblings and protection up to date."""
    account = order.account
    position = account.position(order.symbol, order.position_side)
    if order.reduce_only:
        qty = min(qty, abs(position.qty)) if is_reducing(position, order.side) else ZERO
        if not qty:
            _end(market, order, OrderStatus.EXPIRED, Ending.REDUCE_ONLY)
            return
    now = market.clock.now()
    now_ms = int(now * 1000) + market.skew_ms
    fee = qty * price * (market.rules.maker_fee if maker else market.rules.taker_fee)
    was_flat = not position.qty
    pnl = _move_position(position, order.side.sign * qty, price, now_ms)
    account.balance += pnl - fee
    order.filled_qty += qty
    order.filled_quote += qty * price
    order.fee += fee
    order.realized_pnl += pnl
    order.updated_at_ms = now_ms
    order.status = OrderStatus.FILLED if order.filled_qty >= order.qty else OrderStatus.PARTIALLY_FILLED
    account.keep(order)
    done = Fill(market.next_trade_id(), order, qty, price, fee, pnl, maker, now_ms)
    account.keep_fill(done)
    market.record(LedgerEvent.FILLED, order, qty, price)
    _tell(order, done)
    if was_flat:
        position.visible_at = 0.0
    if not position.qty:
        conditionals.clear_position(market, account, position, order)
        _end_reduce_only(market, account, position)
    market.protection.reassess(account, position, now, _cause(order))
    if order.stop_loss or order.take_profit:
        conditionals.attach_on_fill(market, position, order)
    for sink in account.sinks:
        sink.position_changed(position)


def _check_size(instrument: Instrument, ticket: Ticket, qty: Decimal, price: Decimal, reduce_only: bool) -> None:
    limit = ticket.kind is OrderKind.LIMIT
    if not (ticket.close_position and qty):
        instrument.check_qty(qty, instrument.max_qty if limit else instrument.max_market_qty)
    if limit:
        instrument.check_price(ticket.price)
        if ticket.side is Side.BUY and ticket.price > price * (1 + instrument.band):
            raise RefusedError(Reason.PRICE_ABOVE_BAND, bound=format(price * (1 + instrument.band), "f"))
        if ticket.side is Side.SELL and ticket.price < price * (1 - instrument.band):
            raise RefusedError(Reason.PRICE_BELOW_BAND, bound=format(price * (1 - instrument.band), "f"))
    # Reduce-only orders are exempt from the minimum notional at both venues.
    if not reduce_only and qty * (ticket.price if limit else price) < instrument.min_notional:
        raise RefusedError(Reason.NOTIONAL_BELOW_MINIMUM, minimum=format(instrument.min_notional, "f"))


def _check_client_id(market: Market, account: Account, client_order_id: str) -> None:
    known = account.order_by_client_id.get(client_order_id) if client_order_id else None
    if known is not None and (known.is_open or not market.rules.client_order_id_reusable):
        raise RefusedError(Reason.CLIENT_ORDER_ID_DUPLICATE)
    if not market.rules.client_order_id_reusable and client_order_id in account.conditional_by_client_id:
        raise RefusedError(Reason.CLIENT_ORDER_ID_DUPLICATE)


def _check_margin(
    market: Market, account: Account, ticket: Ticket, qty: Decimal, position: Position, reducing: bool, price: Decimal
) -> None:
    opening = max(ZERO, qty - abs(position.qty)) if reducing else qty
    at = ticket.price if ticket.kind is OrderKind.LIMIT and ticket.side is Side.BUY else price
    if opening and _margin_short(market, account, opening, at, ticket.symbol):
        raise RefusedError(Reason.MARGIN_INSUFFICIENT)
    if ticket.kind is OrderKind.LIMIT and len(account.open_orders) >= OPEN_ORDERS_PER_SYMBOL:
        here = sum(1 for order in account.open_orders.values() if order.symbol == ticket.symbol)
        if here >= OPEN_ORDERS_PER_SYMBOL:
            raise RefusedError(Reason.ORDERS_TOO_MANY)


def _margin_short(market: Market, account: Account, qty: Decimal, price: Decimal, symbol: str) -> bool:
    notional = qty * price
    needed = notional / account.leverage_of(symbol) + notional * market.rules.taker_fee
    return needed > margin.available(market, account)


def _make(
    market: Market,
    account: Account,
    ticket: Ticket,
    qty: Decimal,
    reduce_only: bool,
    origin: Conditional | None = None,
) -> Order:
    now_ms = market.time_ms()
    shares_id = origin is not None and market.rules.conditionals_share_order_ids
    order_id = origin.conditional_id if origin is not None and shares_id else market.next_order_id()
    order = Order(
        order_id=order_id,
        account=account,
        client_order_id=ticket.client_order_id,
        symbol=ticket.symbol,
        side=ticket.side,
        position_side=ticket.position_side,
        kind=ticket.kind,
        qty=qty,
        price=ticket.price,
        time_in_force=ticket.time_in_force,
        reduce_only=reduce_only,
        created_at_ms=origin.created_at_ms if shares_id and origin is not None else now_ms,
        updated_at_ms=now_ms,
        close_position=ticket.close_position,
        origin=origin,
        stop_loss=ticket.stop_loss,
        take_profit=ticket.take_profit,
        price_at_creation=market.prices[ticket.symbol],
    )
    if ticket.order_hidden_s:
        order.visible_at = market.clock.now() + ticket.order_hidden_s
    if origin is not None:
        origin.child = order
    account.keep(order)
    return order


def _work(market: Market, order: Order, ticket: Ticket, price: Decimal) -> None:
    if order.kind is OrderKind.MARKET:
        _tell(order, None)
        qty = order.qty
        if ticket.fill_fraction is not None:
            qty = market.instruments[order.symbol].round_down(order.qty * ticket.fill_fraction)
        if qty:
            fill(market, order, qty, price, maker=False)
        if order.is_open:
            bybit_ending = OrderStatus.CANCELED if not market.rules.client_order_id_reusable else OrderStatus.EXPIRED
            _end(market, order, bybit_ending, Ending.NOT_MARKETABLE)
    elif _crosses(order, price):
        if order.time_in_force is TimeInForce.GTX:
            _end(market, order, OrderStatus.EXPIRED, Ending.WOULD_TAKE)
            return
        _tell(order, None)
        fill(market, order, order.qty, price, maker=False)
    elif order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        _end(market, order, OrderStatus.EXPIRED, Ending.NOT_MARKETABLE)
    else:
        market.triggers[order.symbol].add(order, order.price, rising=order.side is Side.SELL)
        _tell(order, None)
    if order.filled_qty:
        position = order.account.position(order.symbol, order.position_side)
        if ticket.position_hidden_s:
            position.visible_at = market.clock.now() + ticket.position_hidden_s


def _crosses(order: Order, price: Decimal) -> bool:
    return order.price >= price if order.side is Side.BUY else order.price <= price


def _move_position(position: Position, delta: Decimal, price: Decimal, now_ms: int) -> Decimal:
    """Add a signed quantity; return the profit that it realized."""
    old = position.qty
    new = old + delta
    pnl = ZERO
    if not old:
        position.entry_price = price
        position.opened_at_ms = now_ms
    elif (old > 0) is (delta > 0):
        position.entry_price = (abs(old) * position.entry_price + abs(delta) * price) / abs(new)
    else:
        closed = min(abs(old), abs(delta))
        pnl = closed * (price - position.entry_price) * (1 if old > 0 else -1)
        if not new:
            position.entry_price = ZERO
        elif (new > 0) is not (old > 0):
            position.entry_price = price
            position.opened_at_ms = now_ms
    position.qty = new
    position.realized_pnl += pnl
    position.updated_at_ms = now_ms
    return pnl


def _end(market: Market, order: Order, status: OrderStatus, ending: Ending) -> None:
    left = order.qty - order.filled_qty
    order.status, order.ending = status, ending
    order.updated_at_ms = market.time_ms()
    order.account.keep(order)
    event = {
        OrderStatus.CANCELED: LedgerEvent.CANCELED,
        OrderStatus.EXPIRED: LedgerEvent.EXPIRED,
        OrderStatus.REJECTED: LedgerEvent.REJECTED,
    }[status]
    market.record(event, order, left, order.price)
    _tell(order, None)


def _end_reduce_only(market: Market, account: Account, position: Position) -> None:
    """Expire resting reduce-only limits of a position that is flat, as both venues do."""
    for order in list(account.open_orders.values()):
        if order.reduce_only and order.symbol == position.symbol and order.position_side is position.side:
            market.triggers[order.symbol].remove(order)
            _end(market, order, OrderStatus.EXPIRED, Ending.REDUCE_ONLY)


def _cause(order: Order) -> tuple[str, str]:
    kind = order.origin.ticket.purpose.value if order.origin is not None else order.kind.value.lower()
    return kind, order.shown_client_order_id


def _tell(order: Order, fill_: Fill | None) -> None:
    for sink in order.account.sinks:
        sink.order_changed(order, fill_)
