"""The vendor's older connectors: spot and USD-M."""

from binance.spot import Spot
from binance.um_futures import UMFutures

from checks import need


def calls(address):
    base = {"base_url": f"http://{address}"}
    spot = Spot("key", "secretsecret", **base)
    perp = UMFutures("key", "secretsecret", **base)

    def order(client, cancel):
        def check():
            placed = client.new_order(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC",
                                      quantity="0.1", price="24500")
            need(placed["orderId"], "no number")
            getattr(client, cancel)(symbol="BTCUSDT", orderId=placed["orderId"])
        return check

    yield "spot time", lambda: need(spot.time()["serverTime"], "none")
    yield "spot exchange info", lambda: need(spot.exchange_info(symbol="BTCUSDT")["symbols"], "none")
    yield "spot depth", lambda: need(spot.depth("BTCUSDT", limit=10)["bids"], "none")
    yield "spot trades", lambda: spot.trades("BTCUSDT")
    yield "spot bars", lambda: need(spot.klines("BTCUSDT", "1m", limit=5), "none")
    yield "spot account", lambda: need(spot.account()["balances"], "none")
    yield "spot order and cancel", order(spot, "cancel_order")
    yield "spot orders", lambda: need(spot.get_orders("BTCUSDT"), "none")
    yield "spot fills", lambda: spot.my_trades("BTCUSDT")
    yield "perpetual depth", lambda: need(perp.depth("BTCUSDT", limit=10)["bids"], "none")
    yield "perpetual mark price", lambda: need(perp.mark_price("BTCUSDT")["markPrice"], "none")
    yield "perpetual balance", lambda: need(perp.balance(), "none")
    yield "perpetual account", lambda: need(perp.account()["assets"], "none")
    yield "perpetual order and cancel", order(perp, "cancel_order")
    yield "perpetual listen key", lambda: need(perp.new_listen_key()["listenKey"], "none")
