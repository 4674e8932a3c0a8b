"""python-binance over HTTP: spot and USD-M."""

from binance.client import Client
from binance.exceptions import BinanceAPIException

from checks import need

PAIR = {"symbol": "BTCUSDT"}


def refused(call, code):
    def check():
        try:
            call()
        except BinanceAPIException as error:
            need(error.code == code, f"code {error.code}")
            return
        need(False, "it was taken")
    return check


def spot(client):
    limit = PAIR | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}

    def order():
        placed = client.create_order(**limit, price="24500", newClientOrderId="pb-1")
        got = client.get_order(**PAIR, orderId=placed["orderId"])
        need(got["status"] == "NEW", got["status"])
        done = client.cancel_order(**PAIR, origClientOrderId="pb-1")
        need(done["status"] == "CANCELED", done["status"])

    def market():
        got = client.order_market_buy(**PAIR, quantity="0.01")
        need(got["status"] == "FILLED" and got["fills"], got["status"])

    yield "ping", client.ping
    yield "exchange info", lambda: need(client.get_symbol_info("BTCUSDT")["filters"], "no filters")
    yield "depth", lambda: need(client.get_order_book(**PAIR)["bids"], "no bids")
    yield "bars", lambda: need(client.get_klines(**PAIR, interval="1m"), "no bars")
    yield "account", lambda: need(client.get_account()["balances"], "no balances")
    yield "order, read, cancel", order
    yield "market order", market
    yield "refusal: price band", refused(lambda: client.create_order(**limit, price="90000"), -1013)
    yield "refusal: too many decimals", refused(
        lambda: client.create_order(**limit, price="24500.123456789"), -1111)
    yield "refusal: unknown parameter", refused(
        lambda: client.create_order(**limit, price="24500", nonsense="1"), -1104)
    yield "refusal: unknown order", refused(lambda: client.get_order(**PAIR, orderId=1), -2013)


def futures(client):
    limit = PAIR | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
                    "price": "24500", "newClientOrderId": "pb-p1"}

    def twice():
        for _ in range(2):
            placed = client.futures_create_order(**limit)
            client.futures_cancel_order(**PAIR, orderId=placed["orderId"])

    yield "exchange info", lambda: need(client.futures_exchange_info()["symbols"], "no symbols")
    yield "depth", lambda: need(client.futures_order_book(**PAIR)["bids"], "no bids")
    yield "client id again after its order ended", twice
    yield "account", lambda: need("totalInitialMargin" in client.futures_account(), "no margins")
    yield "balance", lambda: need(client.futures_account_balance(), "none")
    yield "listen key", lambda: need(client.futures_stream_get_listen_key(), "none")


def calls(address):
    client = Client("key", "secretsecret", ping=False)
    client.API_URL = f"http://{address}/api"
    client.FUTURES_URL = f"http://{address}/fapi"
    for title, call in spot(client):
        yield f"spot {title}", call
    for title, call in futures(client):
        yield f"perpetual {title}", call
