"""Show positions and balances, and change an account's settings."""

from typing import Any

from simexchange.binance import params as read
from simexchange.binance.call import Call
from simexchange.binance.encode import money, plain
from simexchange.binance.errors import BinanceError
from simexchange.engine import margin
from simexchange.engine.account import Position
from simexchange.engine.order import ZERO
from simexchange.engine.refusal import Reason, RefusedError
from simexchange.engine.vocabulary import PositionSide


def position_risk_v3(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v3/positionRisk: only positions that exist."""
    return [_position(call, position) for position in _shown(call, call.params.get("symbol"))]


def position_risk_v2(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v2/positionRisk: every symbol, flat ones too."""
    symbol = call.params.get("symbol")
    symbols = [call.market.instrument(symbol).symbol] if symbol else list(call.market.instruments)
    held = {(p.symbol, p.side): p for p in _shown(call, symbol)}
    sides = (PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT) if call.account.hedge else (PositionSide.BOTH,)
    rows = []
    for name in symbols:
        for side in sides:
            row = _position(call, held.get((name, side)) or Position(name, side))
            row["leverage"] = str(call.account.leverage_of(name))
            row["marginType"] = "isolated" if call.account.is_isolated(name) else "cross"
            row["isAutoAddMargin"] = "false"
            row["maxNotionalValue"] = "10000000"
            rows.append(row)
    return rows


def balance(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v2 and v3/balance: USDT only."""
    account = call.account
    free = max(margin.available(call.market, account), ZERO)
    return [
        {
            "accountAlias": f"sim{account.account_id}",
            "asset": "USDT",
            "balance": money(account.balance),
            "crossWalletBalance": money(account.balance),
            "crossUnPnl": money(margin.total_unrealized_pnl(call.market, account)),
            "availableBalance": money(free),
            "maxWithdrawAmount": money(free),
            "marginAvailable": True,
            "updateTime": call.market.time_ms(),
        }
    ]


def account_v3(call: Call) -> dict[str, Any]:
    """GET /fapi/v2 and v3/account."""
    account = call.account
    profit = margin.total_unrealized_pnl(call.market, account)
    in_positions = margin.total_position_margin(call.market, account)
    in_orders = margin.order_margin(account)
    free = money(max(margin.available(call.market, account), ZERO))
    totals = {
        "InitialMargin": money(in_positions + in_orders),
        "MaintMargin": money(in_positions / 2),
        "WalletBalance": money(account.balance),
        "UnrealizedProfit": money(profit),
        "MarginBalance": money(account.balance + profit),
        "PositionInitialMargin": money(in_positions),
        "OpenOrderInitialMargin": money(in_orders),
        "CrossWalletBalance": money(account.balance),
        "CrossUnPnl": money(profit),
    }
    made: dict[str, Any] = {f"total{name}": value for name, value in totals.items()}
    asset = {name[0].lower() + name[1:]: value for name, value in totals.items()}
    made |= {"availableBalance": free, "maxWithdrawAmount": free, "feeTier": 0, "canTrade": account.can_trade}
    made |= {"canDeposit": True, "canWithdraw": account.can_withdraw, "multiAssetsMargin": False, "updateTime": 0}
    made["assets"] = [
        {
            "asset": "USDT",
            **asset,
            "availableBalance": free,
            "maxWithdrawAmount": free,
            "marginAvailable": True,
            "updateTime": call.market.time_ms(),
        }
    ]
    rows = []
    for position in _shown(call, None):
        row = _position(call, position)
        row["leverage"] = str(account.leverage_of(position.symbol))
        row["isolated"] = account.is_isolated(position.symbol)
        row["unrealizedProfit"] = row["unRealizedProfit"]
        rows.append(row)
    made["positions"] = rows
    return made


def account_config(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/accountConfig."""
    account = call.account
    return {
        "feeTier": 0,
        "canTrade": account.can_trade,
        "canDeposit": True,
        "canWithdraw": account.can_withdraw,
        "dualSidePosition": account.hedge,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def symbol_config(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/symbolConfig."""
    symbol = call.params.get("symbol")
    account = call.account
    return [
        {
            "symbol": name,
            "marginType": "ISOLATED" if account.is_isolated(name) else "CROSSED",
            "isAutoAddMargin": "false",
            "leverage": account.leverage_of(name),
            "maxNotionalValue": "10000000",
        }
        for name in ([call.market.instrument(symbol).symbol] if symbol else call.market.instruments)
    ]


def commission_rate(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/commissionRate."""
    rules = call.market.rules
    return {
        "symbol": call.market.instrument(read.required(call.params, "symbol")).symbol,
        "makerCommissionRate": plain(rules.maker_fee),
        "takerCommissionRate": plain(rules.taker_fee),
    }


def leverage_bracket(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/leverageBracket: one bracket a symbol."""
    symbol = call.params.get("symbol")
    chosen = [call.market.instrument(symbol)] if symbol else call.market.instruments.values()
    return [
        {
            "symbol": instrument.symbol,
            "brackets": [
                {
                    "bracket": 1,
                    "initialLeverage": instrument.max_leverage,
                    "notionalCap": 10_000_000,
                    "notionalFloor": 0,
                    "maintMarginRatio": 0.004,
                    "cum": 0.0,
                }
            ],
        }
        for instrument in chosen
    ]


def set_leverage(call: Call) -> dict[str, Any]:
    """POST /fapi/v1/leverage."""
    instrument = call.market.instrument(read.required(call.params, "symbol"))
    value = read.integer(call.params, "leverage") or 0
    if not 1 <= value <= instrument.max_leverage:
        raise RefusedError(Reason.LEVERAGE_OUT_OF_RANGE, leverage=str(value))
    call.account.leverage_by_symbol[instrument.symbol] = value
    return {"leverage": value, "maxNotionalValue": "10000000", "symbol": instrument.symbol}


def set_margin_type(call: Call) -> dict[str, Any]:
    """POST /fapi/v1/marginType."""
    account = call.account
    symbol = call.market.instrument(read.required(call.params, "symbol")).symbol
    wanted = read.required(call.params, "marginType")
    if wanted not in ("ISOLATED", "CROSSED"):
        raise BinanceError(-1102, "Mandatory parameter 'marginType' was not sent, was empty/null, or malformed.")
    if (wanted == "ISOLATED") is account.is_isolated(symbol):
        raise BinanceError(-4046, "No need to change margin type.")
    if any(order.symbol == symbol for order in account.open_orders.values()):
        raise BinanceError(-4047, "Margin type cannot be changed if there exists open orders.")
    if any(p.qty for p in account.positions.values() if p.symbol == symbol):
        raise BinanceError(-4048, "Margin type cannot be changed if there exists position.")
    if wanted == "ISOLATED":
        account.isolated_symbols.add(symbol)
    else:
        account.isolated_symbols.discard(symbol)
    return {"code": 200, "msg": "success"}


def position_mode(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/positionSide/dual."""
    return {"dualSidePosition": call.account.hedge}


def set_position_mode(call: Call) -> dict[str, Any]:
    """POST /fapi/v1/positionSide/dual, for all symbols."""
    account = call.account
    read.required(call.params, "dualSidePosition")
    wanted = read.flag(call.params, "dualSidePosition")
    if wanted is account.hedge:
        raise RefusedError(Reason.MODE_UNCHANGED)
    if account.open_orders or account.open_conditionals:
        raise RefusedError(Reason.MODE_HAS_ORDERS)
    if any(position.qty for position in account.positions.values()):
        raise RefusedError(Reason.MODE_HAS_POSITIONS)
    account.hedge = wanted
    account.positions.clear()
    return {"code": 200, "msg": "success"}


def multi_assets_mode(_call: Call) -> dict[str, Any]:
    """GET /fapi/v1/multiAssetsMargin: always single-asset."""
    return {"multiAssetsMargin": False}


def referral(_call: Call) -> dict[str, Any]:
    """GET /fapi/v1/apiReferral/ifNewUser: no broker here."""
    return {"brokerId": "", "rebateWorking": False, "ifNewUser": False}


def api_restrictions(call: Call) -> dict[str, Any]:
    """GET /sapi/v1/account/apiRestrictions, on the spot host in life."""
    account = call.account
    return {
        "ipRestrict": bool(account.ip_whitelist),
        "createTime": 1_690_000_000_000,
        "enableReading": True,
        "enableWithdrawals": account.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": account.can_trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": True,
        "enableSpotAndMarginTrading": False,
        "enablePortfolioMarginTrading": False,
    } | ({"tradingAuthorityExpirationTime": account.key_expires_at_ms} if account.key_expires_at_ms else {})


def _shown(call: Call, symbol: str | None) -> list[Position]:
    now = call.market.clock.now()
    return [
        position
        for position in call.account.positions.values()
        if position.qty and position.visible_at <= now and (not symbol or position.symbol == symbol)
    ]


def _position(call: Call, position: Position) -> dict[str, Any]:
    price = call.market.prices[position.symbol]
    notional = position.qty * price
    held = money(margin.position_margin(call.market, call.account, position))
    isolated = held if call.account.is_isolated(position.symbol) else "0"
    entry = plain(position.entry_price.quantize(_PRICE_QUANTUM)) if position.qty else "0.0"
    return {
        "symbol": position.symbol,
        "positionSide": position.side,
        "positionAmt": plain(position.qty),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": money(price),
        "unRealizedProfit": money(margin.unrealized_pnl(call.market, position)),
        "liquidationPrice": "0",
        "isolatedMargin": isolated,
        "notional": plain(notional),
        "marginAsset": "USDT",
        "isolatedWallet": isolated,
        "initialMargin": held,
        "maintMargin": money(abs(notional) / 250),
        "positionInitialMargin": held,
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.updated_at_ms,
    }


_PRICE_QUANTUM = ZERO.scaleb(-8)
