"""ccxt.pro: the sockets of three venues."""

import asyncio

import ccxt.pro

from drivers.ccxt_rest import PERP, SPOT, client, size
from checks import need

OPEN = []


async def close():
    for ex in OPEN:
        await ex.close()


def streams(ex, symbol):
    async def book():
        await ex.watch_order_book(symbol)
        for _ in range(20):
            local = await ex.watch_order_book(symbol)
            need(local["bids"][0][0] < local["asks"][0][0], "the local book is crossed")

    async def trades():
        need((await ex.watch_trades(symbol))[-1]["price"] > 0, "no price")

    async def ticker():
        need((await ex.watch_ticker(symbol))["last"], "no last price")

    async def bars():
        need(await ex.watch_ohlcv(symbol, "1m"), "no bar")

    yield "book", book
    yield "trades", trades
    yield "ticker", ticker
    yield "bars", bars


def account(ex, symbol, number):
    async def orders():
        watching = asyncio.ensure_future(ex.watch_orders(symbol))
        # The subscription has to stand before the order comes.
        await asyncio.sleep(1)
        best = (await ex.fetch_order_book(symbol))["bids"][0][0]
        price = float(ex.price_to_precision(symbol, best * 0.96))
        placed = await ex.create_order(symbol, "limit", "buy", size(ex, symbol, 0.1), price,
                                       {"clientOrderId": f"p{number}a"})
        heard = await watching
        need(heard[-1]["clientOrderId"] == f"p{number}a", heard[-1]["clientOrderId"])
        await ex.cancel_order(placed["id"], symbol)

    async def fills():
        watching = asyncio.ensure_future(ex.watch_my_trades(symbol))
        await asyncio.sleep(1)
        await ex.create_order(symbol, "market", "buy", size(ex, symbol, 0.01), None,
                              {"clientOrderId": f"p{number}b"})
        heard = await watching
        need(heard[-1]["side"] == "buy" and heard[-1]["amount"] > 0, "no fill")

    yield "orders", orders
    yield "fills", fills


def calls(address):
    for number, name in enumerate(["binance", "okx", "bybit"]):
        for symbol in (SPOT, PERP):
            is_perp = symbol == PERP
            kind = {"defaultType": "future" if is_perp else "spot"} if name == "binance" else {}
            ex = client(ccxt.pro, name, address, **kind)
            OPEN.append(ex)
            label = f"{name} {'perpetual' if is_perp else 'spot'}"
            yield f"{label} markets", lambda ex=ex: ex.load_markets()
            for title, call in [*streams(ex, symbol), *account(ex, symbol, number * 10 + is_perp)]:
                yield f"{label} {title}", call
