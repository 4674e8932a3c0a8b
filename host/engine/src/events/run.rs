//! Events of wickd as a whole: its market, its state folder, its records.

use wickd_model::ClientId;

use super::events;

events! {
    /// Of wickd as a whole.
    "run" RunEvent {
        /// The feeds have started, and lanes receive events.
        MarketOpen {} = "market-open", kept [Info], "the market is open";
        /// Files are being read for so long that the market opens without them, or waits for them.
        MarketWaits { opens: bool, files: String } = "market-waits", [Warn], {
            let what = if *opens { "opens without" } else { "waits for" };
            format!("the market {what} {files}")
        }, fix: "nothing to do, unless it goes on; then take the files away";
        /// The feeds could not be started.
        MarketFailed { why: String } = "market-failed", [Error], format!("no market: {why}"),
            fix: "raise the limit of processes (`ulimit -u`), then restart";
        /// Every feed has come to its end.
        FeedsOver {} = "feeds-over", kept [Info], "the feeds have ended";
        /// A lane is behind the market.
        LaneLags { lane: usize, waiting: u64, holders: String } = "lane-lags", [Warn],
            format!("lane {lane} is {waiting} events behind; it is held by {holders}"),
            fix: "give them less to do, lower their `limits.fuel_per_second`, or set more `lanes`";
        /// A lane that was behind is not any more.
        LaneCaughtUp { lane: usize } = "lane-caught-up", [Info],
            format!("lane {lane} has caught up");
        /// A lane was so far behind that it missed events; the other lanes missed none.
        LaneOverflowed { lane: usize, events: u64, holders: String } = "lane-overflowed", [Error],
            format!(
                "lane {lane} was full and has missed {events} events so far; its slots were told, the \
                 other lanes missed none; it is held by {holders}"
            ),
            fix: "give them less to do, lower their `limits.fuel_per_second`, or set more `lanes`";
        /// A lane did not get through its ring in the time that it had at the end.
        LaneCutShort { lane: usize, left: u64 } = "lane-cut-short", [Warn],
            format!("lane {lane} was stopped with {left} events still in its ring"),
            fix: "give its plugins less to do, or more lanes; a replay goes on after them";
        /// A part of the state folder cannot be used, so what it would keep is not kept.
        StateDegraded { part: &'static str, why: String } = "state-degraded", [Error],
            format!("no {part}: {why}"), fix: "mend the disk and restart";
        /// The state folder cannot be used at all, so no order is sent.
        StateMissing { why: String } = "state-missing", [Error],
            format!("no state folder, so no order is sent: {why}"),
            fix: "make it writable and restart; plugins run on what they see until then";
        /// The journal lacked records that the venue has, and has them now.
        Reconciled { records: usize } = "reconciled", kept [Info],
            format!("{records} records were reconciled with the venue");
        /// Journal and venue contradict each other on an order.
        OrderDisputed { order: ClientId } = "order-disputed", [Error],
            format!("journal and venue contradict each other on order {order}"),
            fix: "settle it by hand; its slot does not trade until then";
        /// The journal takes nothing any more, so no order is sent.
        OrdersBlocked { why: String } = "orders-blocked", [Error],
            format!("the journal takes nothing any more, so no order is sent: {why}"),
            fix: "free the disk, then restart; ticks go on, positions are unchanged";
        /// The journal takes no notes about slots.
        JournalFailed { why: String, times: u64 } = "journal-failed", [Error],
            format!("the journal takes no notes{}: {why}", crate::repeats::so_often(*times)), fix: "free the disk, then restart";
        /// The audit log takes nothing, so events are told and not kept.
        AuditFailed { why: String, times: u64 } = "audit-failed", [Error],
            format!("the audit log takes nothing{}: {why}", crate::repeats::so_often(*times)), fix: "free the disk, then restart";
        /// A subscriber read too slowly and lost notices.
        NoticesLost { lost: u64, subscriber: &'static str } = "notices-lost", [Warn],
            format!("{lost} notices were lost: their reader, {subscriber}, is slow");
        /// SIGHUP came, and the configuration is the one that runs.
        ConfigUnchanged {} = "config-unchanged", kept [Info],
            "SIGHUP: the configuration is the one that runs";
        /// SIGHUP came, and the configuration is another one, which is right.
        ConfigChanged {} = "config-changed", [Warn],
            "SIGHUP: the configuration has changed; it is right, and holds from the next start on",
            fix: "restart wickd; plugins in the watched folders need neither a signal nor a restart";
        /// SIGHUP came, and the configuration is wrong now.
        ConfigWrong { why: String } = "config-wrong", [Error],
            format!("SIGHUP: the configuration is wrong now, so the next start would fail: {why}"),
            fix: "see `wickd config check`; wickd goes on with the one it has";
        /// A signal came that wickd does nothing at.
        SignalIgnored { signal: &'static str } = "signal-ignored", [Info],
            format!("{signal} came, at which wickd does nothing; `wickd status` shows how it stands");
        /// The machine's clock was set.
        ClockJumped { way: &'static str, ms: u64 } = "clock-jumped", [Warn], format!(
                "the machine's clock was set {way} by {ms} ms; times go on from the start of wickd"
            ), fix: "look at the machine's time service; a restart takes its time";
    }
}
