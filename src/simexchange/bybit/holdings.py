"""Show positions, wallet and key, and change an account's settings."""

from datetime import UTC, datetime
from typing import Any

from simexchange.bybit import encode
from simexchange.bybit import params as read
from simexchange.bybit.call import Call
from simexchange.bybit.encode import plain
from simexchange.bybit.errors import BybitError, param_error
from simexchange.engine import conditionals, margin, matching
from simexchange.engine.account import Position
from simexchange.engine.order import ZERO
from simexchange.engine.refusal import Reason, RefusedError
from simexchange.engine.vocabulary import PositionSide


def positions(call: Call) -> dict[str, Any]:
    """GET /v5/position/list: with a symbol also flat, one row a side in hedge mode; else only what is held."""
    params = call.params
    category = read.category(params)
    symbol = read.text(params, "symbol")
    if not symbol and not read.text(params, "settleCoin"):
        raise param_error("symbol or settleCoin is needed")
    account = call.account
    now = call.market.clock.now()
    shown: list[Position] = []
    if category == "linear" and symbol:
        call.market.instrument(symbol)
        sides = (PositionSide.LONG, PositionSide.SHORT) if account.hedge else (PositionSide.BOTH,)
        for side in sides:
            held = account.positions.get((symbol, side))
            visible = held is not None and held.visible_at <= now
            shown.append(held if held is not None and visible else Position(symbol, side))
    elif category == "linear":
        shown = [held for held in account.positions.values() if held.qty and held.visible_at <= now]
    rows = [encode.position(call.market, account, held) for held in shown]
    return {"category": category, "list": rows, "nextPageCursor": ""}


def set_trading_stop(call: Call) -> dict[str, Any]:
    """POST /v5/position/trading-stop: set, change or (0) clear the position's stop and target."""
    params = call.params
    if read.category(params) != "linear":
        raise param_error("only category linear is simulated")
    symbol = call.market.instrument(read.required(params, "symbol")).symbol
    side = read.position_side(params)
    if read.text(params, "tpslMode") == "Partial":
        raise param_error("tpslMode Partial is not simulated")
    account = call.account
    matching.check_position_side(account, side)
    held = account.positions.get((symbol, side))
    if held is None or not held.qty or held.visible_at > call.market.clock.now():
        raise RefusedError(Reason.POSITION_ABSENT)
    stop_loss, take_profit = read.decimal(params, "stopLoss"), read.decimal(params, "takeProfit")
    if call.plan.reject_stop:
        name, price = ("Buy" if held.qty > 0 else "Sell"), str(call.market.prices[symbol])
        value = str(stop_loss or take_profit or ZERO)
        raise RefusedError(Reason.STOP_LOSS_WRONG_SIDE, side=name, value=value, price=price)
    conditionals.attach(call.market, account, held, stop_loss=stop_loss, take_profit=take_profit)
    return {}


def set_leverage(call: Call) -> dict[str, Any]:
    """POST /v5/position/set-leverage: buy and sell alike."""
    params = call.params
    instrument = call.market.instrument(read.required(params, "symbol"))
    buy, sell = read.decimal(params, "buyLeverage"), read.decimal(params, "sellLeverage")
    if buy is None or sell is None or buy != sell or buy != buy.to_integral_value():
        raise param_error("buyLeverage or sellLeverage invalid")
    if not 1 <= buy <= instrument.max_leverage:
        maximum = str(instrument.max_leverage)
        raise RefusedError(Reason.LEVERAGE_OUT_OF_RANGE, leverage=plain(buy), maximum=maximum)
    if int(buy) == call.account.leverage_of(instrument.symbol):
        raise RefusedError(Reason.LEVERAGE_UNCHANGED)
    call.account.leverage_by_symbol[instrument.symbol] = int(buy)
    return {}


def switch_mode(call: Call) -> dict[str, Any]:
    """POST /v5/position/switch-mode: 0 one-way, 3 hedge; here for the whole account."""
    account = call.account
    mode = read.integer(call.params, "mode", -1)
    if mode not in (0, 3):
        raise param_error("mode invalid")
    if (mode == 3) is account.hedge:
        raise BybitError(110025, "Position mode is not modified")
    if any(held.qty for held in account.positions.values()):
        raise RefusedError(Reason.MODE_HAS_POSITIONS)
    if account.open_orders or account.open_conditionals:
        raise RefusedError(Reason.MODE_HAS_ORDERS)
    account.hedge = mode == 3
    account.positions.clear()
    return {}


def switch_isolated(_call: Call) -> dict[str, Any]:
    """POST /v5/position/switch-isolated: not for unified accounts, and all are unified here."""
    raise BybitError(100028, "The API cannot be accessed by unified account users.")


def set_margin_mode(call: Call) -> dict[str, Any]:
    """POST /v5/account/set-margin-mode."""
    wanted = read.required(call.params, "setMarginMode")
    if wanted not in ("ISOLATED_MARGIN", "REGULAR_MARGIN"):
        raise param_error("setMarginMode invalid")
    if (wanted == "ISOLATED_MARGIN") is call.account.isolated_margin:
        raise BybitError(3400045, "Set margin mode failed: it is not modified")
    call.account.isolated_margin = wanted == "ISOLATED_MARGIN"
    return {"reasons": []}


def wallet_balance(call: Call) -> dict[str, Any]:
    """GET /v5/account/wallet-balance: USDT in the unified account."""
    if read.text(call.params, "accountType") != "UNIFIED":
        raise BybitError(10001, "accountType only support UNIFIED.")
    account = call.account
    profit = margin.total_unrealized_pnl(call.market, account)
    in_positions = margin.total_position_margin(call.market, account)
    in_orders = margin.order_margin(account)
    equity = account.balance + profit
    rate = ((in_positions + in_orders) / equity).quantize(ZERO.scaleb(-4)) if equity > 0 else ZERO
    coin = {
        "coin": "USDT",
        "equity": plain(equity),
        "usdValue": plain(equity),
        "walletBalance": plain(account.balance),
        "free": "",
        "locked": "0",
        "spotHedgingQty": "0",
        "borrowAmount": "0",
        "availableToWithdraw": "",
        "accruedInterest": "0",
        "totalOrderIM": plain(in_orders),
        "totalPositionIM": plain(in_positions),
        "totalPositionMM": plain(in_positions / 10),
        "unrealisedPnl": plain(profit),
        "cumRealisedPnl": "0",
        "bonus": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
    }
    return {
        "list": [
            {
                "accountType": "UNIFIED",
                "totalEquity": plain(equity),
                "totalWalletBalance": plain(account.balance),
                "totalMarginBalance": plain(equity),
                "totalAvailableBalance": plain(max(margin.available(call.market, account), ZERO)),
                "totalPerpUPL": plain(profit),
                "totalInitialMargin": plain(in_positions + in_orders),
                "totalMaintenanceMargin": plain(in_positions / 10),
                "accountIMRate": plain(rate),
                "accountMMRate": plain(rate / 10),
                "accountLTV": "0",
                "coin": [coin],
            }
        ]
    }


def account_info(call: Call) -> dict[str, Any]:
    """GET /v5/account/info."""
    return {
        "marginMode": "ISOLATED_MARGIN" if call.account.isolated_margin else "REGULAR_MARGIN",
        "updatedTime": str(call.market.time_ms()),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 0,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def fee_rate(call: Call) -> dict[str, Any]:
    """GET /v5/account/fee-rate."""
    symbol = read.text(call.params, "symbol")
    rules = call.market.rules
    names = [call.market.instrument(symbol).symbol] if symbol else call.market.instruments
    fees = {"takerFeeRate": plain(rules.taker_fee), "makerFeeRate": plain(rules.maker_fee)}
    return {"category": "linear", "list": [{"symbol": name, "baseCoin": "", **fees} for name in names]}


def transaction_log(_call: Call) -> dict[str, Any]:
    """GET /v5/account/transaction-log: not kept."""
    return {"list": [], "nextPageCursor": ""}


def withdrawal(call: Call) -> dict[str, Any]:
    """GET /v5/account/withdrawal: what could be taken out of the wallet."""
    free = plain(max(margin.available(call.market, call.account), ZERO))
    return {"availableWithdrawal": free, "availableWithdrawalMap": {"USDT": free}}


def key_info(call: Call) -> dict[str, Any]:
    """GET /v5/user/query-api."""
    account = call.account
    return {
        "id": str(account.account_id),
        "note": account.label,
        "apiKey": account.api_key,
        "readOnly": 0 if account.can_trade else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"] if account.can_trade else [],
            "Spot": [],
            "Wallet": ["AccountTransfer", "Withdraw"] if account.can_withdraw else [],
            "Options": [],
            "Derivatives": [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
        },
        "ips": list(account.ip_whitelist) or ["*"],
        "type": 1,
        "deadlineDay": _days_left(call, account.key_expires_at_ms)
        if account.key_expires_at_ms or not account.ip_whitelist
        else -2,
        "expiredAt": _expired_at(account.key_expires_at_ms),
        "createdAt": "2026-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": account.account_id,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
    }


def _days_left(call: Call, expires_at_ms: int | None) -> int:
    return 83 if expires_at_ms is None else max(-1, int((expires_at_ms / 1000 - call.market.clock.now()) // 86_400))


def _expired_at(expires_at_ms: int | None) -> str:
    if expires_at_ms is None:
        return "2099-01-01T00:00:00Z"
    return datetime.fromtimestamp(expires_at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def coins(_call: Call) -> dict[str, Any]:
    """GET /v5/asset/coin/query-info: USDT only."""
    chain = {
        "chain": "ETH",
        "chainType": "ERC20",
        "confirmation": "6",
        "withdrawFee": "3",
        "depositMin": "0",
        "withdrawMin": "3",
        "chainDeposit": "1",
        "chainWithdraw": "1",
        "minAccuracy": "6",
        "withdrawPercentageFee": "0",
        "contractAddress": "",
        "safeConfirmNumber": "",
    }
    return {"rows": [{"name": "USDT", "coin": "USDT", "remainAmount": "0", "chains": [chain]}]}
