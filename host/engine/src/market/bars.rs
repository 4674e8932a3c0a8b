//! Bars from trades, or from shorter bars: one builder for one instrument and one length, in fixed memory.
//!
//! Comes in: market events, and with them the passing of event time. Goes out: closed bars. An interval
//! without a trade has no bar: a made-up one would carry a price at which nobody traded. Intervals lie on
//! multiples of their length since the Unix epoch. Deliberately absent: the wall clock; a bar closes on the
//! first event at or after its end, of whatever kind and instrument, so that a replay closes it at the same
//! event in every run.
//!
//! Shorter bars are merged where no trade ever came of the instrument and the longer length is a whole
//! multiple of theirs. Each belongs where it opens. A bar of them is whole with the one that reaches its
//! end; where that is missing it closes with the first that opens later, or one shorter length after its
//! end, so that no other instrument's event of the same time cuts it off. From the first trade on, bars are
//! made of trades alone: what is in progress of bars is forgotten, so that nothing is counted twice.
//! Where the feed brings bars of this very length, it is heard instead.

use wickd_model::{Bar, Event, InstrumentId, Stamp, Trade, TsNs};

use super::NS_PER_S;

/// Longest bar, in seconds: a week.
pub const BAR_SECS_MAX: u32 = 7 * 86_400;

/// What the bars are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Material {
    /// Nothing came yet.
    Unknown,
    /// Shorter bars.
    Bars,
    /// Nothing: the feed brings them as they are.
    Ready,
    /// Trades.
    Trades,
}

/// Builds the bars of one instrument and one length.
#[derive(Clone, Copy, Debug)]
pub struct BarBuilder {
    instrument: InstrumentId,
    step_secs: u32,
    open: Option<Bar>,
    material: Material,
    /// Length of the shorter bars that are merged; 0 where none are.
    part_secs: u32,
    /// Everything of the bar in progress is there.
    is_whole: bool,
    /// End of the last bar that closed.
    closed_to: TsNs,
    late: u64,
}

impl BarBuilder {
    /// Bars of `step_secs` seconds, 1 to [`BAR_SECS_MAX`]; `None` outside.
    pub fn new(instrument: InstrumentId, step_secs: u32) -> Option<Self> {
        let builder = Self {
            instrument,
            step_secs,
            open: None,
            material: Material::Unknown,
            part_secs: 0,
            is_whole: false,
            closed_to: 0,
            late: 0,
        };
        (1..=BAR_SECS_MAX).contains(&step_secs).then_some(builder)
    }

    /// Goes on with a bar in progress; one of another instrument or length is none.
    pub fn resume(&mut self, open: Bar) {
        let is_ours = (open.at.instrument, open.step_secs) == (self.instrument, self.step_secs);
        self.open = is_ours.then_some(open);
    }

    /// An event of before: it is in no bar, and says what bars are made of.
    pub fn heard_before(&mut self, event: &Event) {
        if event.at().instrument != self.instrument {
            return;
        }
        match event {
            Event::Trade(_) => (self.material, self.part_secs) = (Material::Trades, 0),
            Event::Bar(bar) => self.material_of(bar),
            Event::Quote(_) | Event::Feed(_) => {}
        }
    }

    /// The bar in progress.
    pub fn in_progress(&self) -> Option<Bar> {
        self.open
    }

    /// Forgets the bar in progress: parts of it are missing.
    pub fn reset(&mut self) {
        (self.open, self.is_whole) = (None, false);
    }

    /// Takes in an event; the bar that ended before it comes out. Ask [`Self::whole`] behind each.
    #[inline]
    pub fn hear(&mut self, event: &Event) -> Option<Bar> {
        match event {
            Event::Trade(trade) => self.trade(trade),
            Event::Bar(bar) => self.bar(bar),
            Event::Quote(_) | Event::Feed(_) => self.advance(event.at().ts_event),
        }
    }

    /// The bar that the last event made whole, stamped with that event's time `now` as arrival.
    #[inline]
    pub fn whole(&mut self, now: TsNs) -> Option<Bar> {
        if !self.is_whole {
            return None;
        }
        self.close(now)
    }

    /// Event time has come to `now`: the bar that ended by then, stamped with its end as event time
    /// and `now` as arrival. Its `seq` is 0; who delivers it counts. Call it for each event, first.
    pub fn advance(&mut self, now: TsNs) -> Option<Bar> {
        let end = self.end(self.open?.open_time);
        if now < end.saturating_add(ns(self.part_secs)) {
            return None;
        }
        self.close(now)
    }

    fn close(&mut self, now: TsNs) -> Option<Bar> {
        self.is_whole = false;
        let mut bar = self.open.take()?;
        self.closed_to = self.end(bar.open_time);
        bar.at.ts_event = self.closed_to;
        bar.at.ts_init = now;
        Some(bar)
    }

    /// A trade of this instrument; the bar it closes comes out, and the trade opens the next. Trades
    /// of other instruments only move time. A trade before the open bar is counted and left out.
    pub fn trade(&mut self, trade: &Trade) -> Option<Bar> {
        let now = trade.at.ts_event;
        if trade.at.instrument != self.instrument {
            return self.advance(now);
        }
        if matches!(self.material, Material::Bars) {
            self.reset();
        }
        (self.material, self.part_secs) = (Material::Trades, 0);
        let closed = self.advance(now);
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

    /// A bar of the feed; the one it closes comes out. Bars that come after their interval has closed are
    /// counted and left out.
    fn bar(&mut self, bar: &Bar) -> Option<Bar> {
        let now = bar.at.ts_event;
        if bar.at.instrument == self.instrument {
            self.material_of(bar);
        }
        let is_part = bar.at.instrument == self.instrument
            && self.material == Material::Bars
            && bar.step_secs == self.part_secs;
        if !is_part {
            return self.advance(now);
        }
        let opens = self.interval(bar.open_time);
        let closed = match self.open {
            Some(open) if opens > open.open_time => self.close(now),
            _ => None,
        };
        match &mut self.open {
            Some(open) if opens < open.open_time => self.late += 1,
            None if opens < self.closed_to => self.late += 1,
            Some(open) => {
                open.high = open.high.max(bar.high);
                open.low = open.low.min(bar.low);
                open.close = bar.close;
                open.volume = open.volume.saturating_add(bar.volume);
                open.trades = open.trades.saturating_add(bar.trades);
            }
            None => {
                let at = Stamp { instrument: self.instrument, ..Stamp::default() };
                self.open = Some(Bar { at, step_secs: self.step_secs, open_time: opens, ..*bar });
            }
        }
        let reaches = bar.open_time.saturating_add(ns(bar.step_secs));
        self.is_whole = self.open.is_some_and(|open| reaches >= self.end(open.open_time));
        closed
    }

    /// What a bar of the instrument says of the material.
    fn material_of(&mut self, bar: &Bar) {
        if self.material == Material::Trades {
            return;
        }
        if bar.step_secs == self.step_secs {
            self.reset();
            (self.material, self.part_secs) = (Material::Ready, 0);
        } else if self.material != Material::Ready && self.is_shorter(bar) {
            // Of several lengths the shortest: the others hold the same again.
            if self.part_secs != 0 {
                self.reset();
            }
            (self.material, self.part_secs) = (Material::Bars, bar.step_secs);
        }
    }

    /// Whether bars of this one's length can be merged, and are shorter than those that are.
    fn is_shorter(&self, bar: &Bar) -> bool {
        let most = if self.part_secs == 0 { self.step_secs } else { self.part_secs };
        bar.step_secs > 0 && bar.step_secs < most && self.step_secs.is_multiple_of(bar.step_secs)
    }

    /// Trades and bars left out because they came after their bar had closed. A sorted feed has none.
    pub fn late(&self) -> u64 {
        self.late
    }

    fn first(&self, trade: &Trade) -> Bar {
        Bar {
            at: Stamp { instrument: self.instrument, ..Stamp::default() },
            step_secs: self.step_secs,
            open_time: self.interval(trade.at.ts_event),
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.size,
            trades: 1,
        }
    }

    /// When the interval began that `ts` lies in.
    fn interval(&self, ts: TsNs) -> TsNs {
        ts - ts % ns(self.step_secs)
    }

    fn end(&self, open_time: TsNs) -> TsNs {
        open_time.saturating_add(ns(self.step_secs))
    }
}

fn ns(secs: u32) -> u64 {
    u64::from(secs) * NS_PER_S
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wickd_model::{Aggressor, FeedState, FeedStatus};

    use super::*;

    /// A bar of instrument 1 that opens at `open_time` and closes at `close`, told at its end.
    fn bar(open_time: TsNs, secs: u32, [open, high, low, close]: [i64; 4]) -> Event {
        let end = open_time + u64::from(secs) * S;
        let at = Stamp { instrument: 1, seq: 9, ts_event: end, ts_init: end };
        let (step_secs, volume, trades) = (secs, 10, 2);
        Event::Bar(Bar { at, step_secs, open_time, open, high, low, close, volume, trades })
    }

    /// What an event closes, in its order.
    fn hear(bars: &mut BarBuilder, event: Event) -> Vec<Bar> {
        let before = bars.hear(&event);
        before.into_iter().chain(bars.whole(event.at().ts_event)).collect()
    }

    fn quiet(ts: TsNs) -> Event {
        let at = Stamp { instrument: 2, seq: 9, ts_event: ts, ts_init: ts };
        Event::Feed(FeedStatus { at, state: FeedState::Live })
    }

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

    #[test]
    fn shorter_bars_make_a_longer_one_that_closes_with_its_last_part() {
        let mut bars = BarBuilder::new(1, 120).unwrap();
        assert_eq!(hear(&mut bars, bar(120 * S, 60, [10, 14, 9, 12])), []);
        // Another instrument's event of the very end does not cut it off.
        assert_eq!(hear(&mut bars, quiet(240 * S)), []);
        let closed = hear(&mut bars, bar(180 * S, 60, [12, 13, 7, 8]));
        let [bar] = closed[..] else { panic!("{closed:?}") };
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (10, 14, 7, 8));
        assert_eq!((bar.volume, bar.trades, bar.step_secs, bar.open_time), (20, 4, 120, 120 * S));
        assert_eq!((bar.at.ts_event, bar.at.ts_init, bar.at.instrument), (240 * S, 240 * S, 1));
        assert_eq!(hear(&mut bars, quiet(999 * S)), [], "closed once");
    }

    #[test]
    fn a_longer_bar_whose_last_part_is_missing_closes_one_part_later() {
        let flat = [10; 4];
        let mut bars = BarBuilder::new(1, 120).unwrap();
        hear(&mut bars, bar(120 * S, 60, flat));
        assert_eq!(hear(&mut bars, quiet(300 * S - 1)), []);
        let closed = hear(&mut bars, quiet(300 * S));
        assert_eq!((closed.len(), closed[0].at.ts_event, closed[0].volume), (1, 240 * S, 10));
        assert_eq!(hear(&mut bars, bar(180 * S, 60, flat)), [], "it does not open again");
        assert_eq!(bars.late(), 1);
        // The last part of the next interval closes both that of before and its own.
        hear(&mut bars, bar(240 * S, 60, flat));
        let opens: Vec<_> =
            hear(&mut bars, bar(420 * S, 60, flat)).iter().map(|bar| bar.open_time).collect();
        assert_eq!(opens, [240 * S, 360 * S]);
    }

    #[test]
    fn bars_of_no_whole_part_or_of_the_same_length_make_none() {
        let flat = [10; 4];
        let mut bars = BarBuilder::new(1, 120).unwrap();
        for (at, secs) in [(0, 240), (0, 90), (0, 120), (120, 60), (180, 60), (240, 120)] {
            assert_eq!(hear(&mut bars, bar(at * S, secs, flat)), [], "{at} {secs}");
        }
        assert_eq!(bars.in_progress(), None, "the feed brings them itself");
    }

    #[test]
    fn of_two_shorter_lengths_the_shortest_alone_is_merged() {
        let flat = [10; 4];
        let mut bars = BarBuilder::new(1, 240).unwrap();
        hear(&mut bars, bar(0, 120, flat));
        for at in [120, 180] {
            hear(&mut bars, bar(at * S, 60, flat));
        }
        hear(&mut bars, bar(120 * S, 120, flat));
        hear(&mut bars, quiet(999 * S));
        let mut volumes = Vec::new();
        for at in [960, 1_020, 1_080, 1_140] {
            volumes.extend(hear(&mut bars, bar(at * S, 60, flat)).iter().map(|bar| bar.volume));
            hear(&mut bars, bar((at - 60) * S, 120, flat));
        }
        assert_eq!(volumes, [40]);
    }

    #[test]
    fn where_trades_come_bars_are_made_of_trades_alone() {
        let flat = [10; 4];
        let mut bars = BarBuilder::new(1, 120).unwrap();
        hear(&mut bars, bar(120 * S, 60, flat));
        assert_eq!(hear(&mut bars, Event::Trade(trade(190 * S, 12, 3))), []);
        assert_eq!(hear(&mut bars, bar(180 * S, 60, flat)).len(), 1, "its end has come");
        let mut bars = BarBuilder::new(1, 120).unwrap();
        bars.heard_before(&Event::Trade(trade(5 * S, 12, 3)));
        hear(&mut bars, bar(120 * S, 60, flat));
        assert_eq!(bars.in_progress(), None);
        hear(&mut bars, Event::Trade(trade(190 * S, 12, 3)));
        let closed = hear(&mut bars, quiet(240 * S));
        assert_eq!((closed.len(), closed[0].open, closed[0].volume), (1, 12, 3));
    }

    #[test]
    fn a_bar_in_progress_of_shorter_ones_is_gone_on_with() {
        let (mut first, mut again) =
            (BarBuilder::new(1, 180).unwrap(), BarBuilder::new(1, 180).unwrap());
        let parts = [0, 60, 120].map(|at| bar(at * S, 60, [10, 14, 9, 12]));
        parts[..2].iter().for_each(|part| drop(hear(&mut first, *part)));
        first.in_progress().into_iter().for_each(|bar| again.resume(bar));
        parts[..2].iter().for_each(|part| again.heard_before(part));
        assert_eq!(hear(&mut again, parts[2]), hear(&mut first, parts[2]));
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
