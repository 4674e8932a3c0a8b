"""The vendor's generated SDKs: every answer is checked against their models."""

from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from binance_sdk_spot.spot import Spot

from checks import need


def calls(address):
    def made(kind):
        config = ConfigurationRestAPI(api_key="key", api_secret="secretsecret",
                                      base_path=f"http://{address}")
        return kind(config_rest_api=config).rest_api

    spot, perp = made(Spot), made(DerivativesTradingUsdsFutures)
    yield "spot time", lambda: need(spot.time().data().server_time, "none")
    yield "spot exchange info", lambda: need(spot.exchange_info(symbol="BTCUSDT").data().symbols, "none")
    yield "spot depth", lambda: need(spot.depth(symbol="BTCUSDT").data().bids, "none")
    yield "spot account", lambda: need(spot.get_account().data().balances, "none")
    yield "spot open orders", lambda: spot.get_open_orders(symbol="BTCUSDT").data()
    yield "perpetual exchange info", lambda: need(
        perp.exchange_information().data().symbols, "none")
    yield "perpetual depth", lambda: need(perp.order_book(symbol="BTCUSDT").data().bids, "none")
    yield "perpetual balance", lambda: need(
        perp.futures_account_balance_v3().data(), "none")
    yield "perpetual account", lambda: need(
        perp.account_information_v3().data().total_initial_margin is not None, "no margins")
    yield "perpetual positions", lambda: perp.position_information_v3().data()
