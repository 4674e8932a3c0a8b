//! What a venue, its adapter or a feed tried and did not get: counted, and told as the count doubles.

use wickd_model::ClientId;

use super::events;

/// One attempt, and what it was aimed at.
pub(crate) struct Cause<'a> {
    /// What it was aimed at.
    pub(crate) target: &'a str,
    pub(crate) what: RefusedEvent,
    /// How often, at once.
    pub(crate) times: u64,
}

events! {
    /// What was refused, with the target told apart.
    "refused" RefusedEvent {
        /// A request was not sent, because it is not allowed or cannot be expressed.
        Request { why: String, fix: String } = "request-refused", [Error], why.as_str(),
            fix: fix.as_str();
        /// A request was not sent, because no honest adapter asks for it; the venue is halted.
        Breach { why: String, fix: String } = "request-breach", [Error], why.as_str(),
            fix: fix.as_str();
        /// A request was not sent, because the venue's limits leave no room for it.
        RequestLimited {} = "request-limited", [Warn],
            "the venue's limits would not let it go in time",
            fix: "nothing to do, unless it goes on; then ask for less";
        /// A request failed on its way.
        RequestFailed { what: String, why: String } = "request-failed", [Warn],
            format!("a request {what}: {why}"), fix: "it is asked again when it matters";
        /// The clock of the venue cannot be believed.
        Clock { why: String } = "venue-clock", [Warn], why.as_str(),
            fix: "check this machine's clock, then the venue";
        /// The venue takes no requests from here for a while.
        Banned { wait_s: u64 } = "venue-banned", [Error],
            format!("the venue has shut wickd out for {wait_s} s"),
            fix: "wait; then ask for less, or look for who else uses this address";
        /// An adapter reported, sent or asked for more than it may.
        AdapterFlood { what: &'static str, fix: &'static str } = "adapter-flood", [Error], *what,
            fix: *fix;
        /// An adapter reported a fill that cannot be.
        Fill { why: String } = "fill-refused", [Error], why.as_str(),
            fix: "mend the adapter; the order's own count decides";
        /// The venue does not let a channel be subscribed.
        Channel { why: String } = "channel-refused", [Error], why.as_str(),
            fix: "mend `streams:` or `instruments:` of the venue";
        /// The venue said something that its adapter does not know.
        Unknown { what: String } = "venue-unknown", [Warn],
            format!("said something its adapter does not know: {what}"),
            fix: "nothing to do, unless prices or orders are missing";
        /// A stream has a gap.
        Gap { why: String } = "venue-gap", [Warn], format!("a gap: {why}"),
            fix: "a snapshot is fetched";
        /// An adapter asked for an order of its own.
        AdapterOrder {} = "adapter-order-refused", [Error], "it asked for an order of its own",
            fix: "let strategies decide";
        /// Market data that cannot be, or is not its source's to give, was dropped.
        MarketData { what: String, fix: &'static str } = "market-data-refused", [Error],
            what.as_str(), fix: *fix;
        /// Orders at the venue that are not wickd's own.
        ForeignOrder {} = "venue-order-foreign", [Warn], "news of orders that are not wickd's",
            fix: "give wickd an account of its own, if somebody else trades on this one";
        /// The venue has orders of this journal that the journal does not know: it is an older copy.
        JournalOlder { order: String } = "journal-older", [Error], format!(
                "the venue has order {order} of this journal, which the journal does not know: the state \
                 folder is an older copy"
            ), fix: "stop and put the newest state folder back; or hold positions and orders against the \
                     venue's, and adopt or close what differs";
        /// A socket was not opened, because it is not allowed.
        Socket { why: String, fix: String } = "socket-refused", [Error], why.as_str(),
            fix: fix.as_str();
        /// A socket could not be opened.
        SocketFailed { why: String } = "socket-failed", [Warn], why.as_str(),
            fix: "it is tried again";
        /// An order was not sent, because as many as allowed are open.
        AccountLimit { open: usize, order: ClientId } = "account-limit", [Warn],
            format!("{open} orders of the account are open; order {order} is not sent"),
            fix: "raise the venue's `open_orders_max`";
        /// A venue could not be made ready, and is tried again.
        NotReady { why: String } = "venue-not-ready", [Warn], why.as_str(),
            fix: "it is tried again, ever later; until then its orders are refused";
        /// More of an order was filled than it asked for.
        Overfilled {} = "order-overfilled", [Error],
            "the venue has filled more than the order asked for",
            fix: "compare the order with the venue's own page";
        /// The venue did not take a cancel, and the order rests.
        Cancel { why: String } = "cancel-refused", [Warn],
            format!("the venue did not take its cancel: {why}"),
            fix: "nothing to do: it is sent until the order has ended";
        /// No read of the venue shows an order that it had confirmed.
        OrderMissing {} = "order-missing", [Error],
            "the venue had confirmed it, and no read shows it any more; it stays unknown until the \
             venue says what became of it", fix: "look for it on the venue's own page";
        /// What a fee is worth is not known, so a high estimate counts.
        FeeEstimated { amount: String, asset: String } = "fee-estimated", [Warn], format!(
                "a fee of {amount} {asset} has no price here; a high estimate counts as its worth"
            ), fix: "add a market of that asset to `instruments:` of the venue";
        /// What is owned could not be asked.
        PositionsUnknown { why: String } = "positions-unknown", [Warn],
            format!("what is owned could not be asked: {why}"),
            fix: "nothing to do: it is asked again; until it was, orders only reduce";
        /// A fill of an order that was told as done.
        FillLate {} = "fill-late", [Warn],
            "it was told as done, and the venue tells of a fill of it",
            fix: "nothing to do: the slot's position has it now";
        /// A fill of an order that is nobody's here.
        FillForeign { what: String } = "fill-foreign", [Error], what.as_str(),
            fix: "see `wickd positions`; a liquidation, another program or a person trades here";
        /// A feed's round ended with an error.
        FeedError {} = "feed-error", [Warn], "a round ended with this error",
            fix: "see what it reaches; the next round comes all the same";
        /// A feed asked for a longer wait than a feed may have.
        FeedWait { wait_ms_max: u64 } = "feed-wait", [Warn], format!(
                "it asks for a longer wait; the next round comes after {wait_ms_max} ms"
            ), fix: "mend the plugin: a longer wait would look like a dead feed";
        /// A feed gave more than a round may.
        FeedFlood {} = "feed-flood", [Error], "gave more than a round may; the rest was dropped",
            fix: "give less at once, in more rounds";
    }
}
