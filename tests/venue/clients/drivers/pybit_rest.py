"""pybit over HTTP: spot and linear."""

from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from checks import need


def calls(address):
    session = HTTP(api_key="key", api_secret="secretsecret", retry_codes=set())
    session.endpoint = f"http://{address}"
    for category in ("spot", "linear"):
        of = {"category": category, "symbol": "BTCUSDT"}

        def rows(got):
            return got["result"]["list"]

        def order(of=of):
            placed = session.place_order(**of, side="Buy", orderType="Limit", qty="0.1", price="24500")
            number = placed["result"]["orderId"]
            found = rows(session.get_open_orders(**of, orderId=number))
            need(found[0]["orderStatus"] == "New", found[0]["orderStatus"])
            session.cancel_order(**of, orderId=number)

        def band(of=of):
            try:
                session.place_order(**of, side="Buy", orderType="Limit", qty="0.1", price="90000")
            except InvalidRequestError as error:
                need(error.status_code in (170193, 110003), f"code {error.status_code}")
                return
            need(False, "it was taken")

        def paged(of=of):
            for number in range(3):
                session.place_order(**of, side="Buy", orderType="Market", qty="0.01",
                                    marketUnit="baseCoin", orderLinkId=f"{of['category']}-{number}")
            first = session.get_executions(**of, limit=1)["result"]
            second = session.get_executions(**of, limit=1, cursor=first["nextPageCursor"])["result"]
            need(first["list"][0]["execId"] != second["list"][0]["execId"], "one page twice")

        yield f"{category} instruments", lambda of=of: need(rows(session.get_instruments_info(**of)), "none")
        yield f"{category} ticker", lambda of=of: need(rows(session.get_tickers(**of)), "none")
        yield f"{category} book", lambda of=of: need(session.get_orderbook(**of)["result"]["b"], "none")
        yield f"{category} bars", lambda of=of: need(rows(session.get_kline(**of, interval="1")), "none")
        yield f"{category} order, read, cancel", order
        yield f"{category} refusal: price band", band
        yield f"{category} pages of executions", paged
    yield "wallet", lambda: need(session.get_wallet_balance(accountType="UNIFIED")["result"]["list"], "none")
    yield "positions", lambda: need(
        session.get_positions(category="linear", symbol="BTCUSDT")["result"]["list"], "none")
