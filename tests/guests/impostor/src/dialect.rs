//! Three venues' words for one order.
//!
//! Comes in: an order and its market. Goes out: the request as the venue documents it, field by field, so
//! that a lie can be put into any of them. Deliberately absent: lies.

use wickd_sdk::exchange::{Body, Failure, Market, NewOrder, Request};
use wickd_sdk::{OrderKind, Side};

/// Whose words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Binance,
    Okx,
    Bybit,
}

/// One of two texts.
fn of(perpetual: bool, perp: &'static str, spot: &'static str) -> &'static str {
    if perpetual { perp } else { spot }
}

impl Dialect {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "binance" => Some(Self::Binance),
            "okx" => Some(Self::Okx),
            "bybit" => Some(Self::Bybit),
            _ => None,
        }
    }

    pub(crate) fn native(self, perpetual: bool) -> &'static str {
        match self {
            Self::Okx => of(perpetual, "BTC-USDT-SWAP", "BTC-USDT"),
            _ => "BTCUSDT",
        }
    }

    /// Another market of the venue.
    pub(crate) fn other(self, perpetual: bool) -> &'static str {
        match self {
            Self::Okx => of(perpetual, "ETH-USDT-SWAP", "ETH-USDT"),
            _ => "ETHUSDT",
        }
    }

    pub(crate) fn contract(self, perpetual: bool) -> &'static str {
        if self == Self::Okx && perpetual { "0.01" } else { "1" }
    }

    pub(crate) fn time_path(self) -> &'static str {
        match self {
            Self::Binance => "/api/v3/time",
            Self::Okx => "/api/v5/public/time",
            Self::Bybit => "/v5/market/time",
        }
    }

    pub(crate) fn instruments(self, perpetual: bool) -> Request {
        match self {
            Self::Binance if perpetual => Request::get("usdm", "/fapi/v1/exchangeInfo"),
            Self::Binance => Request::get("spot", "/api/v3/exchangeInfo"),
            Self::Okx => Request::get("rest", "/api/v5/public/instruments")
                .query("instType", of(perpetual, "SWAP", "SPOT")),
            Self::Bybit => Request::get("rest", "/v5/market/instruments-info")
                .query("category", of(perpetual, "linear", "spot")),
        }
    }

    pub(crate) fn order_path(self, perpetual: bool) -> (&'static str, &'static str) {
        match self {
            Self::Binance if perpetual => ("usdm", "/fapi/v1/order"),
            Self::Binance => ("spot", "/api/v3/order"),
            Self::Okx => ("rest", "/api/v5/trade/order"),
            Self::Bybit => ("rest", "/v5/order/create"),
        }
    }

    /// Where the venue takes orders that no catalogue lists.
    pub(crate) fn batch_path(self, perpetual: bool) -> &'static str {
        match self {
            Self::Binance if perpetual => "/fapi/v1/batchOrders",
            Self::Binance => "/api/v3/order/cancelReplace",
            Self::Okx => "/api/v5/trade/batch-orders",
            Self::Bybit => "/v5/order/create-batch",
        }
    }

    pub(crate) fn money_path(self) -> &'static str {
        match self {
            Self::Binance => "/sapi/v1/asset/transfer",
            Self::Okx => "/api/v5/asset/withdrawal",
            Self::Bybit => "/v5/user/update-api",
        }
    }

    pub(crate) fn account_path(self, perpetual: bool) -> &'static str {
        match self {
            Self::Binance => of(perpetual, "/fapi/v3/balance", "/api/v3/account"),
            Self::Okx => "/api/v5/account/balance",
            Self::Bybit => "/v5/account/wallet-balance",
        }
    }

    pub(crate) fn login_path(self) -> (&'static str, &'static str) {
        match self {
            Self::Binance => ("spot-account", "/ws-api/v3"),
            Self::Okx => ("stream", "/private"),
            Self::Bybit => ("stream", "/private"),
        }
    }

    pub(crate) fn size_name(self) -> &'static str {
        match self {
            Self::Binance => "quantity",
            Self::Okx => "sz",
            Self::Bybit => "qty",
        }
    }

    /// A field by which the venue would do something else than the order says.
    pub(crate) fn extra(self) -> (String, String) {
        let (name, value) = match self {
            Self::Binance => ("quoteOrderQty", "400000"),
            Self::Okx => ("pxUsd", "400000"),
            Self::Bybit => ("takeProfit", "1"),
        };
        (name.to_owned(), value.to_owned())
    }

    /// The fields of an order, the market first.
    pub(crate) fn create(
        self,
        market: &Market,
        perpetual: bool,
        order: &NewOrder,
    ) -> Result<Vec<(String, String)>, Failure> {
        let is_market = order.kind == OrderKind::Market;
        let is_buy = order.side == Side::Buy;
        let price = market.print_px(order.price);
        let size = market.print_qty(order.size);
        let mut pairs: Vec<(&str, String)> = Vec::new();
        match self {
            Self::Binance => {
                pairs.push(("symbol", market.native.clone()));
                pairs.push(("side", if is_buy { "BUY" } else { "SELL" }.to_owned()));
                pairs.push(("quantity", size));
                pairs.push(("newClientOrderId", order.client_id.clone()));
                pairs.push(("type", if is_market { "MARKET" } else { "LIMIT" }.to_owned()));
                if !is_market {
                    pairs.extend([("timeInForce", "GTC".to_owned()), ("price", price)]);
                }
            }
            Self::Okx => {
                pairs.push(("instId", market.native.clone()));
                pairs.push(("tdMode", of(perpetual, "cross", "cash").to_owned()));
                pairs.push(("side", if is_buy { "buy" } else { "sell" }.to_owned()));
                pairs.push(("sz", market.print_contracts(order.size)?));
                pairs.push(("clOrdId", order.client_id.clone()));
                pairs.push(("ordType", if is_market { "market" } else { "limit" }.to_owned()));
                if !is_market {
                    pairs.push(("px", price));
                } else if !perpetual {
                    pairs.push(("tgtCcy", "base_ccy".to_owned()));
                }
            }
            Self::Bybit => {
                pairs.push(("symbol", market.native.clone()));
                pairs.push(("category", of(perpetual, "linear", "spot").to_owned()));
                pairs.push(("side", if is_buy { "Buy" } else { "Sell" }.to_owned()));
                pairs.push(("qty", size));
                pairs.push(("orderLinkId", order.client_id.clone()));
                pairs.push(("orderType", if is_market { "Market" } else { "Limit" }.to_owned()));
                if !is_market {
                    pairs.extend([("timeInForce", "GTC".to_owned()), ("price", price)]);
                } else if !perpetual {
                    pairs.push(("marketUnit", "baseCoin".to_owned()));
                }
            }
        }
        Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A signed request with these fields, in the query or in the body.
    pub(crate) fn request(
        self,
        endpoint: &str,
        path: &str,
        pairs: Vec<(String, String)>,
    ) -> Request {
        let request = Request::post(endpoint, path).signed("sign");
        let each = pairs.iter();
        match self {
            Self::Binance => each.fold(request, |to, (name, value)| to.query(name, value)),
            _ => {
                let body = each.fold(Body::new(), |to, (name, value)| to.text(name, value));
                request.json(body)
            }
        }
    }
}
