//! Writing requests.
//!
//! Comes in: endpoint, path, parameters, costs. Goes out: the request of the contract. Deliberately
//! absent: hosts and signatures; both are the house's, under the names of the manifest.

use super::{Cost, Method, Operation, Pair, Request};

impl Request {
    /// A request without parameters; `endpoint` is a name of the manifest.
    pub fn new(method: Method, endpoint: &str, path: &str) -> Self {
        Self {
            method,
            endpoint: endpoint.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: String::new(),
            recipe: String::new(),
            costs: Vec::new(),
        }
    }

    /// A `GET`.
    pub fn get(endpoint: &str, path: &str) -> Self {
        Self::new(Method::Get, endpoint, path)
    }

    /// A `POST`.
    pub fn post(endpoint: &str, path: &str) -> Self {
        Self::new(Method::Post, endpoint, path)
    }

    /// Adds a query parameter, behind the earlier ones.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push(Pair { name: name.to_owned(), value: value.to_string() });
        self
    }

    /// Adds a query parameter unless its value is empty.
    pub fn query_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.query(name, value) }
    }

    /// Sets the body, and its type.
    pub fn json(mut self, body: Body) -> Self {
        let content =
            Pair { name: "Content-Type".to_owned(), value: "application/json".to_owned() };
        self.headers.push(content);
        self.body = body.finish();
        self
    }

    /// Has it signed under a recipe of the manifest.
    pub fn signed(mut self, recipe: &str) -> Self {
        self.recipe = recipe.to_owned();
        self
    }

    /// Says what it costs in a bucket of the manifest.
    pub fn cost(mut self, bucket: &str, weight: u32) -> Self {
        self.costs.push(Cost { bucket: bucket.to_owned(), weight });
        self
    }
}

/// A flat JSON object, its members in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Body(String);

impl Body {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn member(mut self, name: &str, value: &str) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        self.0 += &format!("{comma}{}:{value}", quoted(name));
        self
    }

    /// Adds a text.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.member(name, &quoted(value))
    }

    /// Adds a text unless it is empty.
    pub fn text_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.text(name, value) }
    }

    /// Adds `true` or `false`.
    pub fn flag(self, name: &str, value: bool) -> Self {
        self.member(name, if value { "true" } else { "false" })
    }

    /// The whole object.
    pub fn finish(self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// A text as JSON, quotes and all.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Operation {
    /// Its name, as descriptions list it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ServerTime => "server-time",
            Self::Instruments(_) => "instruments",
            Self::Ticker(_) => "ticker",
            Self::Book(_) => "book",
            Self::Trades(_) => "trades",
            Self::Bars(_) => "bars",
            Self::FundingRate(_) => "funding-rate",
            Self::FundingHistory(_) => "funding-history",
            Self::Balances(_) => "balances",
            Self::Positions(_) => "positions",
            Self::Create(_) => "create",
            Self::Amend(_) => "amend",
            Self::Cancel(_) => "cancel",
            Self::Order(_) => "order",
            Self::OpenOrders(_) => "open-orders",
            Self::OrderHistory(_) => "order-history",
            Self::Fills(_) => "fills",
            Self::OrderFills(_) => "order-fills",
            Self::OpenSession(_) => "open-session",
            Self::KeepSession(_) => "keep-session",
        }
    }

    /// Whether it changes an order: what became of it must be asked where the answer is unclear.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Amend(_) | Self::Cancel(_))
    }
}
