//! Events of venues, their adapters and the orders there.

use wickd_model::{ClientId, Fault};

use super::events;

events! {
    /// Of a venue, its adapter and its orders.
    "venue" VenueEvent {
        /// A venue is ready: its markets are known, its streams planned.
        Ready { venue: String } = "venue-ready", kept [Info], format!("{venue} is ready");
        /// The venue lists no market that an instrument names.
        MarketUnknown { venue: String, market: String } = "market-unknown", [Error],
            format!("{venue} lists no {market}"), fix: "mend `instruments:`";
        /// A market's rules are not those of the configuration.
        MarketRulesDiffer { venue: String, symbol: String, how: String } = "market-rules-differ",
            [Error], format!("{symbol} of {venue}: {how}"),
            fix: "write the venue's rule under `instruments:`; it is not traded until then";
        /// What became of every order of earlier runs is known.
        OrdersSettled { venue: String } = "orders-settled", kept [Info],
            format!("{venue}: every order of earlier runs is known");
        /// No order leaves for a venue any more; cancels do.
        Halted { venue: String, why: String } = "venue-halted", [Error],
            format!("{venue} is halted: {why}; no order leaves, cancels do"),
            fix: format!("find out what its adapter or the account does; then `wickd resume {venue}`");
        /// A request for an order has no outcome yet.
        OrderRequestFailed { venue: String, order: ClientId, what: String, why: String } =
            "order-request-failed", [Warn],
            format!("{venue}: a request for order {order} {what}: {why}"),
            fix: "nothing to do: the venue is asked what became of it";
        /// A socket closed, and is opened again.
        SocketClosed { venue: String, endpoint: String, why: String } = "socket-closed", [Warn],
            format!("{venue}: a socket to `{endpoint}` closed: {why}"), fix: "it is opened again";
        /// A venue has its first adapter.
        AdapterSeated { venue: String, plugin: String, sockets: usize, orders: usize } =
            "adapter-seated", kept [Info],
            format!("{venue} speaks through {plugin} ({sockets} open, {orders} orders)");
        /// A venue's adapter was replaced.
        AdapterSwapped { venue: String, plugin: String, carried: bool, sockets: usize, orders: usize } =
            "adapter-swapped", kept [Info], {
            let how = match carried {
                true => "its state was carried, its sockets stayed open",
                false => "without the old state, so its sockets are opened anew",
            };
            format!("{venue} speaks through {plugin}: {how} ({sockets} open, {orders} orders)")
        };
        /// A plugin cannot be a venue's adapter.
        AdapterRefused { venue: String, plugin: String, why: String } = "adapter-refused", [Error],
            format!("{venue}: {plugin} cannot be used: {why}"),
            fix: "the one before it goes on, if there is one";
        /// A venue's adapter was unloaded, because its file was removed.
        AdapterUnloaded { venue: String, orders: usize } = "adapter-unloaded", [Error],
            format!("{venue}: the adapter's file was removed and it is unloaded; {orders} orders stay"),
            fix: "put the file back";
        /// A venue's adapter failed in a call.
        AdapterFailed { venue: String, fault: Box<Fault> } = "adapter-failed", [Error],
            format!("the adapter of {venue} failed: {fault}"), fix: fault.kind.hint();
        /// A venue has its previous adapter again.
        AdapterRolledBack { venue: String, plugin: String } = "adapter-rolled-back", [Warn],
            format!("{venue} is back with {plugin}"),
            fix: "nothing to do: its sockets stayed open; drop a mended build when there is one";
        /// A venue has no adapter, because it failed too often.
        AdapterQuarantined { venue: String } = "adapter-quarantined", [Error],
            format!("{venue} has no adapter: it failed too often"),
            fix: "drop a mended build into the folder; its orders are kept until then";
        /// How often each thing was refused at a venue in this run.
        Counts { venue: String, counts: String } = "venue-counts", kept [Info],
            format!("{venue}: in this run: {counts}");
    }
}
