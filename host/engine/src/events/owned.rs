//! Events of what is owned: positions against the venues' word, and what the host closes itself.

use super::events;

events! {
    /// Of positions.
    "owned" OwnedEvent {
        /// What is owned here is not what the venue says; orders of it only reduce.
        Differs { venue: String, what: String, ours: String, owners: String, theirs: String } =
            "position-differs", [Error], format!(
                "{venue}: {what}: {ours} are owned here ({owners}), and the venue says {theirs}; its \
                 orders only reduce until that is settled"
            ), fix: "see `wickd positions`; then `wickd adopt` takes the venue's number";
        /// Slots own less of something than they believe, because somebody else has traded it.
        NeedsWord { venue: String, what: String } = "position-disputed", [Error], format!(
                "{venue}: {what}: slots own less than they believe; their orders only reduce until \
                 you say who owns what"
            ), fix: "`wickd adopt` takes the venue's number into a slot, or into `unassigned`";
        /// What is owned is what the venue says again.
        Settled { venue: String, what: String } = "position-settled", kept [Info],
            format!("{venue}: {what}: what is owned is what the venue says again");
        /// Something was there before anything traded; no slot owns it.
        Found { venue: String, what: String, amount: String } = "position-found", [Warn], format!(
                "{venue}: {amount} {what} were there before anything traded; no slot owns them, so \
                 `unassigned` does"
            ), fix: "nothing to do; `wickd adopt` gives them to a slot";
        /// The adapter cannot ask what is owned, so it is not compared.
        NotCompared { venue: String, product: &'static str } = "positions-not-compared", [Warn],
            format!(
                "{venue}: what is owned in {product} markets is not compared: the adapter cannot ask"
            ), fix: "look at the venue's own page, or use an adapter that can";
        /// A halted venue goes on, because the operator has said so.
        Resumed { venue: String } = "venue-resumed", kept [Info],
            format!("{venue} goes on: the operator has said so");
        /// The host has closed what a slot held.
        Closed {} = "closed", kept [Info], "the host has closed what it held";
        /// The host has closed what a slot held, but for less than an order may be.
        DustLeft { left: String } = "dust-left", [Warn],
            format!("the host has closed what it held; left are {left}"),
            fix: "sell it with the next order, or leave it";
        /// The host closes what a slot holds no further.
        ClosingEnded { left: String } = "closing-ended", [Error],
            format!("the host closes no further; left are {left}"),
            fix: "close it at the venue, or say `wickd close` once what refused is mended";
        /// The run has ended, and orders stay at their venues, as the slot's policy says.
        OrdersKept { open: usize } = "orders-kept", [Warn],
            format!("{open} of its orders stay open at their venues, as `on_failure: keep` says"),
            fix: "nothing to do; the next start asks for them";
        /// The run has ended, and orders that were to be taken back may be open at their venues.
        OrdersLeft { open: usize } = "orders-left", [Error],
            format!("{open} of its orders may still be open: their venues have not confirmed the cancels"),
            fix: "look at the venue's own page; the next start asks for them";
        /// No slot and no account has a loss stop.
        NoLossStop {} = "no-loss-stop", kept [Info],
            "no slot and no account has a loss stop: whatever is lost, trading goes on",
            fix: "write `risk: {loss_day_max: 100}` under a slot, `paper:` or a venue";
    }
}
