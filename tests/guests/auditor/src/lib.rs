//! An instrument, not an attack: counts every event it hears and folds it into a checksum, across
//! swaps and restarts. Expected: no gap, no double, nothing out of order, ever; the same feed gives
//! the same saved state, however often it was swapped on the way.

use wickd_sdk::prelude::*;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Nanoseconds between two events of a feed with an exact rate; 0 where it has none.
    #[param(default = 0, min = 0, max = 1_000_000_000)]
    gap_ns: u32,
}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Auditor {
    #[state(skip)]
    gap_ns: u64,
    /// Sequence number of the last event.
    last_seq: u64,
    /// Event time of the last event.
    last_ts: TsNs,
    /// Events heard.
    events: u64,
    /// Events whose number is more than one above the last.
    gaps: u64,
    /// Events with the number of the last.
    doubles: u64,
    /// Events with a lower number, or an earlier time, than the last.
    reorders: u64,
    /// Events that are not one step of the feed after the last.
    missed: u64,
    /// Folded over every event.
    checksum: u64,
}

impl Strategy for Auditor {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes().trades();
        Ok(Self {
            gap_ns: params.gap_ns.into(),
            last_seq: 0,
            last_ts: 0,
            events: 0,
            gaps: 0,
            doubles: 0,
            reorders: 0,
            missed: 0,
            checksum: 0,
        })
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        self.market(ctx, quote.at.ts_event);
        self.hear(ctx, quote.at.seq, quote.at.ts_event, [quote.bid.0, quote.ask.0]);
    }

    fn on_trade(&mut self, ctx: &mut Context, trade: &Trade) {
        self.market(ctx, trade.at.ts_event);
        self.hear(ctx, trade.at.seq, trade.at.ts_event, [trade.price.0, trade.size.0]);
    }

    fn on_feed(&mut self, ctx: &mut Context, status: &FeedStatus) {
        self.hear(ctx, status.at.seq, status.at.ts_event, [-1, 0]);
    }
}

impl Auditor {
    /// A feed's own step, which does not depend on how the host numbers events.
    fn market(&mut self, _: &mut Context, ts: TsNs) {
        if self.gap_ns > 0 && self.last_ts > 0 {
            let step = ts.wrapping_sub(self.last_ts);
            self.missed += u64::from(step != self.gap_ns && step != 0);
        }
    }

    fn hear(&mut self, ctx: &mut Context, seq: u64, ts: TsNs, words: [i64; 2]) {
        if self.events > 0 {
            self.gaps += u64::from(seq > self.last_seq + 1);
            self.doubles += u64::from(seq == self.last_seq);
            self.reorders += u64::from(seq < self.last_seq || ts < self.last_ts);
        }
        for word in [seq, ts, words[0].cast_unsigned(), words[1].cast_unsigned()] {
            self.checksum = (self.checksum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
        (self.last_seq, self.last_ts) = (seq, ts);
        self.events += 1;
        if self.events.is_power_of_two() {
            ctx.metric("events", self.events as f64);
            ctx.metric("faults", (self.gaps + self.doubles + self.reorders + self.missed) as f64);
        }
    }
}

wickd_sdk::export_strategy!(Auditor);
