//! Bars from trades: one builder for one instrument and one length, in fixed memory.
//!
//! Comes in: trades, and the passing of event time. Goes out: closed bars. An interval without a trade
//! has no bar: a made-up one would carry a price at which nobody traded. Intervals lie on multiples of
//! their length since the Unix epoch. Deliberately absent: the wall clock; a bar closes on the first
//! event at or after its end, of whatever kind and instrument, so that a replay closes it at the same
//! event in every run.

use wickd_model::{Bar, InstrumentId, Stamp, Trade, TsNs};

use super::NS_PER_S;

/// Longest bar, in seconds: a week.
pub const BAR_SECS_MAX: u32 = 7 * 86_400;

/// Builds the bars of one instrument and one length.
#[derive(Clone, Copy, Debug)]
pub struct BarBuilder {
    instrument: InstrumentId,
    step_secs: u32,
    open: Option<Bar>,
    late: u64,
}

impl BarBuilder {
    /// Bars of `step_secs` seconds, 1 to [`BAR_SECS_MAX`]; `None` outside.
    pub fn new(instrument: InstrumentId, step_secs: u32) -> Option<Self> {
        let builder = Self { instrument, step_secs, open: None, late: 0 };
        (1..=BAR_SECS_MAX).contains(&step_secs).then_some(builder)
    }

    /// Goes on with a bar in progress; one of another instrument or length is none.
    pub fn resume(&mut self, open: Bar) {
        let is_ours = (open.at.instrument, open.step_secs) == (self.instrument, self.step_secs);
        self.open = is_ours.then_some(open);
    }

    /// The bar in progress.
    pub fn in_progress(&self) -> Option<Bar> {
        self.open
    }

    /// Forgets the bar in progress: trades of it are missing.
    pub fn reset(&mut self) {
        self.open = None;
    }

    /// Event time has come to `now`: the bar that ended by then, stamped with its end as event time
    /// and `now` as arrival. Its `seq` is 0; who delivers it counts. Call it for each event, first.
    pub fn advance(&mut self, now: TsNs) -> Option<Bar> {
        let end = self.end(self.open?.open_time);
        if now < end {
            return None;
        }
        let mut bar = self.open.take()?;
        bar.at.ts_event = end;
        bar.at.ts_init = now;
        Some(bar)
    }

    /// A trade of this instrument; the bar it closes comes out, and the trade opens the next. Trades
    /// of other instruments only move time. A trade before the open bar is counted and left out.
    pub fn trade(&mut self, trade: &Trade) -> Option<Bar> {
        let now = trade.at.ts_event;
        let closed = self.advance(now);
        if trade.at.instrument != self.instrument {
            return closed;
        }
        match &mut self.open {
            Some(bar) if now < bar.open_time => self.late += 1,
            Some(bar) => {
                bar.high = bar.high.max(trade.price);
                bar.low = bar.low.min(trade.price);
                bar.close = trade.price;
                // At 2^63 smallest units the volume stays there rather than turn negative.
                bar.volume = bar.volume.saturating_add(trade.size);
                bar.trades = bar.trades.saturating_add(1);
            }
            None => self.open = Some(self.first(trade)),
        }
        closed
    }

    /// Trades left out because they came after their bar had closed. A sorted feed has none.
    pub fn late(&self) -> u64 {
        self.late
    }

    fn first(&self, trade: &Trade) -> Bar {
        let step_ns = u64::from(self.step_secs) * NS_PER_S;
        let now = trade.at.ts_event;
        Bar {
            at: Stamp { instrument: self.instrument, ..Stamp::default() },
            step_secs: self.step_secs,
            open_time: now - now % step_ns,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.size,
            trades: 1,
        }
    }

    fn end(&self, open_time: TsNs) -> TsNs {
        open_time.saturating_add(u64::from(self.step_secs) * NS_PER_S)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wickd_model::Aggressor;

    use super::*;

    fn trade(ts: TsNs, price: i64, size: i64) -> Trade {
        let at = Stamp { instrument: 1, seq: 9, ts_event: ts, ts_init: ts };
        Trade { at, price, size, aggressor: Aggressor::None, trade_id: 0 }
    }

    const S: u64 = NS_PER_S;

    #[test]
    fn a_bar_closes_on_the_first_event_at_its_end_and_belongs_to_the_clock() {
        let mut bars = BarBuilder::new(1, 60).unwrap();
        assert_eq!(bars.trade(&trade(61 * S, 10, 1)), None);
        assert_eq!(bars.trade(&trade(90 * S, 14, 2)), None);
        assert_eq!(bars.trade(&trade(119 * S, 8, 3)), None);
        assert_eq!(bars.advance(120 * S - 1), None);
        let bar = bars.advance(120 * S).unwrap();
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (10, 14, 8, 8));
        assert_eq!((bar.volume, bar.trades, bar.open_time), (6, 3, 60 * S));
        assert_eq!((bar.at.ts_event, bar.at.ts_init, bar.at.instrument), (120 * S, 120 * S, 1));
        assert_eq!(bars.advance(999 * S), None, "closed once");
    }

    #[test]
    fn an_interval_without_trades_has_no_bar() {
        let mut bars = BarBuilder::new(1, 1).unwrap();
        bars.trade(&trade(5 * S, 10, 1));
        let bar = bars.trade(&trade(9 * S, 11, 1)).unwrap();
        assert_eq!((bar.open_time, bar.at.ts_event, bar.at.ts_init), (5 * S, 6 * S, 9 * S));
        assert_eq!(bars.advance(9 * S + S - 1), None);
        assert_eq!(bars.advance(10 * S).map(|bar| bar.open_time), Some(9 * S));
    }

    #[test]
    fn another_instruments_trade_closes_a_bar_and_does_not_enter_it() {
        let mut bars = BarBuilder::new(2, 1).unwrap();
        assert_eq!(bars.trade(&trade(S, 10, 1)), None);
        assert_eq!(bars.advance(99 * S), None);
    }

    #[test]
    fn a_late_trade_is_counted_and_an_endless_volume_stays_positive() {
        let mut bars = BarBuilder::new(1, 1).unwrap();
        bars.trade(&trade(5 * S, 10, i64::MAX));
        bars.trade(&trade(4 * S, 99, 1));
        bars.trade(&trade(5 * S, 10, 1));
        let bar = bars.advance(6 * S).unwrap();
        assert_eq!((bars.late(), bar.high, bar.volume), (1, 10, i64::MAX));
        assert!(BarBuilder::new(1, 0).is_none() && BarBuilder::new(1, BAR_SECS_MAX + 1).is_none());
    }

    proptest! {
        #[test]
        fn bars_keep_every_trade_once_and_its_prices(
            steps in prop::collection::vec((0u64..3 * S, 1i64..1_000, 1i64..1_000), 1..200),
            step_secs in 1u32..5,
        ) {
            let mut bars = BarBuilder::new(1, step_secs).unwrap();
            let (mut ts, mut closed, mut trades) = (0, Vec::new(), Vec::new());
            for (gap, price, size) in steps {
                ts += gap;
                let trade = trade(ts, price, size);
                trades.push(trade);
                closed.extend(bars.trade(&trade));
            }
            closed.extend(bars.advance(u64::MAX));
            prop_assert_eq!(bars.late(), 0);
            // The reference: the same trades, grouped by interval all at once.
            let step_ns = u64::from(step_secs) * S;
            let groups: Vec<_> = trades
                .chunk_by(|a, b| a.at.ts_event / step_ns == b.at.ts_event / step_ns)
                .collect();
            prop_assert_eq!(closed.len(), groups.len());
            for (bar, group) in closed.iter().zip(groups) {
                let prices = || group.iter().map(|trade| trade.price);
                prop_assert_eq!(bar.open_time / step_ns, group[0].at.ts_event / step_ns);
                prop_assert_eq!(bar.open_time % step_ns, 0);
                prop_assert_eq!(Some(bar.open), prices().next());
                prop_assert_eq!(Some(bar.close), prices().next_back());
                prop_assert_eq!(Some(bar.high), prices().max());
                prop_assert_eq!(Some(bar.low), prices().min());
                prop_assert_eq!(bar.volume, group.iter().map(|trade| trade.size).sum::<i64>());
                prop_assert_eq!(bar.trades as usize, group.len());
            }
            prop_assert!(closed.windows(2).all(|w| w[0].at.ts_event <= w[1].open_time));
        }
    }
}
