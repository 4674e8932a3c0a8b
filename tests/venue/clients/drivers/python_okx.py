"""python-okx over HTTP: spot and swaps."""

import okx.Account as Account
import okx.MarketData as MarketData
import okx.PublicData as PublicData
import okx.Trade as Trade

from checks import need


def calls(address):
    keys = ("key", "secretsecret", "password", False, "0")
    made = {"domain": f"http://{address}", "debug": False}
    account, trade = Account.AccountAPI(*keys, **made), Trade.TradeAPI(*keys, **made)
    market = MarketData.MarketAPI(flag="0", **made)
    public = PublicData.PublicAPI(flag="0", **made)

    def rows(got):
        need(got["code"] == "0", f"code {got['code']}")
        need(got["data"], "no rows")
        return got["data"]

    yield "time", lambda: rows(public.get_system_time())
    for kind, name, mode, size in (("SPOT", "BTC-USDT", "cash", "0.1"), ("SWAP", "BTC-USDT-SWAP", "cross", "1")):
        def order(name=name, mode=mode, size=size):
            placed = rows(trade.place_order(name, mode, "buy", "limit", size, px="24500"))[0]
            need(placed["sCode"] == "0", placed["sCode"])
            found = rows(trade.get_order(name, placed["ordId"]))[0]
            need(found["state"] == "live", found["state"])
            rows(trade.cancel_order(name, placed["ordId"]))
            again = trade.cancel_order(name, placed["ordId"])["data"][0]["sCode"]
            need(again == "51401", f"a second cancel is {again}")

        def band(name=name, mode=mode, size=size):
            got = trade.place_order(name, mode, "buy", "limit", size, px="90000")["data"][0]["sCode"]
            need(got in ("51006", "51137"), f"code {got}")

        yield f"{kind} instruments", lambda kind=kind: rows(public.get_instruments(kind))
        yield f"{kind} ticker", lambda name=name: rows(market.get_ticker(name))
        yield f"{kind} book", lambda name=name: rows(market.get_orderbook(name, "5"))
        yield f"{kind} bars", lambda name=name: rows(market.get_candlesticks(name, bar="1m"))
        yield f"{kind} order, read, cancel twice", order
        yield f"{kind} refusal: price band", band
    yield "balance", lambda: rows(account.get_account_balance())
    yield "positions", lambda: need(account.get_positions()["code"] == "0", "refused")
    yield "configuration", lambda: rows(account.get_account_config())
