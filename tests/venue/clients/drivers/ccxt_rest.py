"""ccxt over HTTP: three venues, spot and perpetuals."""

import re

import ccxt

from checks import need

CREDENTIALS = {"apiKey": "key", "secret": "secretsecret", "password": "password"}


def redirected(urls, address):
    """Every address of a client, at the test venue under the same path."""
    if isinstance(urls, dict):
        return {name: redirected(url, address) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    scheme = "ws" if urls.startswith("ws") else "http"
    return re.sub(r"^\w+://[^/]+", f"{scheme}://{address}", urls)


def client(module, name, address, **options):
    options = {"fetchCurrencies": False, "fetchMargins": False,
               "fetchMarkets": {"types": ["spot", "linear"]}} | options
    made = getattr(module, name)(CREDENTIALS | {"options": options, "enableRateLimit": False})
    made.urls["api"] = redirected(made.urls["api"], address)
    # ccxt tells a socket of spot by `/stream` in its address, which is the vendor's host.
    if name == "binance" and "ws" in made.urls["api"]:
        made.urls["api"]["ws"]["spot"] = f"ws://{address}/ws/stream"
    # The venue has no currencies' list.
    made.has["fetchCurrencies"] = False
    # OKX and Bybit list every kind of market by themselves.
    if name == "okx":
        made.options["fetchMarkets"] = ["spot", "swap"]
    if name == "bybit":
        made.options["fetchMarkets"] = ["spot", "linear"]
        # What kind of account it is says a path that the venue has not.
        made.options |= {"enableUnifiedAccount": True, "enableUnifiedMargin": False,
                         "unifiedMarginStatus": 5}
    return made


SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"


def size(ex, symbol, base):
    """So much of the base asset, as the market counts."""
    return base / (ex.market(symbol)["contractSize"] or 1)


def market(ex, symbol):
    def ticker():
        got = ex.fetch_ticker(symbol)
        need(got["bid"] < got["ask"], "the ticker is crossed")

    def book():
        got = ex.fetch_order_book(symbol)
        need(got["bids"][0][0] < got["asks"][0][0], "the book is crossed")

    def trades():
        need(isinstance(ex.fetch_trades(symbol), list), "no list of trades")

    def bars():
        got = ex.fetch_ohlcv(symbol, "1m", limit=10)
        need(len(got) == 10, f"{len(got)} bars")

    yield "ticker", ticker
    yield "book", book
    yield "trades", trades
    yield "bars", bars
    if symbol == PERP:
        yield "funding history", lambda: need(ex.fetch_funding_rate_history(symbol), "none")


def orders(ex, symbol, number):
    kept = {}
    # ccxt wants it said that Bybit reads only the last 500 orders so.
    known = {"acknowledged": True} if ex.id == "bybit" else {}

    def price(share):
        return ex.price_to_precision(symbol, ex.fetch_order_book(symbol)["bids"][0][0] * share)

    def place():
        kept["order"] = ex.create_order(symbol, "limit", "buy", size(ex, symbol, 0.1), float(price(0.96)),
                                        {"clientOrderId": f"w{number}a"})

    def read():
        got = ex.fetch_order(kept["order"]["id"], symbol, known)
        need(got["status"] == "open" and got["amount"] == size(ex, symbol, 0.1), f"{got['status']} {got['amount']}")
        need(got["clientOrderId"] == f"w{number}a", got["clientOrderId"])

    def listed():
        ids = [order["id"] for order in ex.fetch_open_orders(symbol)]
        need(kept["order"]["id"] in ids, "it is not among the open orders")

    def cancel():
        ex.cancel_order(kept["order"]["id"], symbol)
        got = ex.fetch_order(kept["order"]["id"], symbol, known)
        need(got["status"] in ("canceled", "closed"), got["status"])

    def unknown():
        try:
            ex.cancel_order(kept["order"]["id"], symbol)
        except ccxt.OrderNotFound:
            return
        need(False, "a second cancel is no OrderNotFound")

    def take():
        ex.create_order(symbol, "market", "buy", size(ex, symbol, 0.01), None, {"clientOrderId": f"w{number}b"})
        fills = ex.fetch_my_trades(symbol)
        need(fills and fills[-1]["side"] == "buy", "no fill")
        need(fills[-1]["fee"]["cost"] is not None, "a fill without its fee")

    def refused(kind, amount, share):
        def call():
            try:
                ex.create_order(symbol, "limit", "buy", size(ex, symbol, amount), float(price(share)))
            except kind:
                return
            need(False, f"it is no {kind.__name__}")
        return call

    yield "place", place
    yield "read", read
    yield "open orders", listed
    yield "cancel", cancel
    yield "cancel twice", unknown
    yield "market order and its fill", take
    yield "refusal: funds", refused(ccxt.InsufficientFunds, 900, 0.96)
    yield "refusal: price band", refused(ccxt.ExchangeError, 0.1, 1.5)


def calls(address):
    for number, name in enumerate(["binance", "okx", "bybit"]):
        ex = client(ccxt, name, address)
        yield f"{name} time", lambda ex=ex: need(ex.fetch_time() > 0, "no time")
        yield f"{name} markets", lambda ex=ex: need({SPOT, PERP} <= set(ex.load_markets()), "lacks one")
        for symbol in (SPOT, PERP):
            label = f"{name} {'perpetual' if symbol == PERP else 'spot'}"
            if name == "binance":
                ex.options["defaultType"] = "future" if symbol == PERP else "spot"
            for title, call in market(ex, symbol):
                yield f"{label} {title}", call
            yield f"{label} balance", lambda ex=ex: need(ex.fetch_balance()["USDT"]["total"] > 0, "none")
            for title, call in orders(ex, symbol, number * 10 + (symbol == PERP)):
                yield f"{label} {title}", call
        yield f"{name} positions", lambda ex=ex: need(ex.fetch_positions([PERP]), "no position")
