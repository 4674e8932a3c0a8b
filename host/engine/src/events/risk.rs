//! Events of loss stops and other guards of money.

use wickd_model::Deny;

use super::events;

events! {
    /// Of the gate and of loss stops.
    "risk" RiskEvent {
        /// The gate refused orders or cancels of a slot.
        Denied { deny: Deny, count: u64 } = "order-denied", [Warn], match count {
            1 => format!("an order was refused: {}", deny.code()),
            count => format!("{count} orders were refused so far: {}", deny.code()),
        }, fix: deny.hint();
        /// A slot has reached a loss stop, and only reduces.
        LossStop { loss: String, until: &'static str, fix: String } = "loss-stop", [Error],
            format!("{loss}; {}", consequence("the slot", until)), fix: fix.as_str();
        /// An account has reached a loss stop, and its slots only reduce.
        AccountStop { account: String, loss: String, slots: String, until: &'static str, fix: String } =
            "account-stop", [Error], format!(
                "account {account}: {loss}: {slots}; {}",
                consequence("each of its slots", until)
            ), fix: fix.as_str();
    }
}

fn consequence(who: &str, until: &str) -> String {
    format!("{who} only reduces until {until}, and orders that would increase are taken back")
}
