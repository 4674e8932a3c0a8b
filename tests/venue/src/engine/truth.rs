//! What really happened, for a test to compare with.
//!
//! Comes in: the engine's whole state. Goes out: orders with their fills, balances, positions, and
//! counts of public events. Deliberately absent: what any dialect said about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::types::Order;
use super::{Account, Product};

/// The engine's state. Where it and a client differ, the client is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Truth {
    /// Every order, oldest first.
    pub orders: Vec<Order>,
    /// Balances and the position.
    pub account: Account,
    /// Public trades so far, spot and perpetual: also the id of the last one.
    pub trades: [u64; 2],
    /// Update id of the book, spot and perpetual.
    pub updates: [u64; 2],
}

impl Truth {
    /// Orders by client id. More than one under an id is a doubled order.
    pub fn by_client_id(&self) -> BTreeMap<&str, Vec<&Order>> {
        let mut found: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
        for order in &self.orders {
            found.entry(&order.client_id).or_default().push(order);
        }
        found
    }

    /// Client ids under which there is more than one order.
    pub fn doubled(&self) -> Vec<&str> {
        let all = self.by_client_id().into_iter();
        all.filter(|(_, orders)| orders.len() > 1).map(|(client_id, _)| client_id).collect()
    }

    /// Open orders of a product.
    pub fn open(&self, product: Product) -> impl Iterator<Item = &Order> {
        let open = self.orders.iter();
        open.filter(move |order| order.product == product && order.status.is_open())
    }
}
