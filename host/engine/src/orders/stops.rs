//! What an equity path does to the loss stops of a slot: a state machine without a clock.
//!
//! Comes in: what was earned since the start and since the day began, and the beginning of a day.
//! Goes out: which stop holds. Deliberately absent: where equity comes from, and what a stop does;
//! the gate and the lane know that.
//!
//! `loss_max` and `drawdown_max` hold until the next start, `loss_day_max` until the next day: a day
//! is UTC, and its time is that of events.

use wickd_model::{Cash, Deny, LossStops, TsNs};

/// A day of event time.
pub(crate) const DAY_NS: TsNs = 86_400 * 1_000_000_000;

/// Which stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// `loss_max`.
    Loss,
    /// `drawdown_max`.
    Drawdown,
    /// `loss_day_max`.
    Day,
}

impl Stop {
    /// The option's name.
    pub fn option(self) -> &'static str {
        match self {
            Self::Loss => "loss_max",
            Self::Drawdown => "drawdown_max",
            Self::Day => "loss_day_max",
        }
    }

    /// Under which code a slot's own stop denies.
    fn deny(self) -> Deny {
        match self {
            Self::Loss => Deny::LossLimit,
            Self::Drawdown => Deny::DrawdownLimit,
            Self::Day => Deny::DailyLoss,
        }
    }
}

/// A stop that was reached, and by how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// Which.
    pub stop: Stop,
    /// What may be lost.
    pub most: Cash,
    /// What was.
    pub lost: Cash,
}

/// The first lasting stop that this reaches: `earned` since the start, with `peak` its highest.
pub(super) fn lasting(stops: &LossStops, earned: Cash, peak: Cash) -> Option<Reached> {
    beyond(Stop::Loss, stops.loss_max, 0i64.saturating_sub(earned))
        .or_else(|| beyond(Stop::Drawdown, stops.drawdown_max, peak.saturating_sub(earned)))
}

/// Whether what was earned today reaches the day's stop.
pub(super) fn daily(stops: &LossStops, today: Cash) -> Option<Reached> {
    beyond(Stop::Day, stops.loss_day_max, 0i64.saturating_sub(today))
}

fn beyond(stop: Stop, limit: Option<Cash>, lost: Cash) -> Option<Reached> {
    let most = limit.filter(|most| lost >= *most)?;
    Some(Reached { stop, most, lost })
}

/// The stops of one slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    earned: Cash,
    peak: Cash,
    lasting: Option<Stop>,
    daily: bool,
    /// Reached and not acted on yet.
    news: Option<Reached>,
}

impl Watch {
    /// Takes in what was earned since the start, and today.
    pub(super) fn mark(&mut self, earned: Cash, today: Cash, stops: &LossStops) {
        self.earned = earned;
        self.peak = self.peak.max(earned);
        if self.lasting.is_none()
            && let Some(reached) = lasting(stops, earned, self.peak)
        {
            self.lasting = Some(reached.stop);
            self.news = Some(reached);
        }
        // Under a stop that holds longer a day's own is no news.
        if self.lasting.is_none()
            && !self.daily
            && let Some(reached) = daily(stops, today)
        {
            self.daily = true;
            self.news = Some(reached);
        }
    }

    /// Another day: its stop holds no more.
    pub(super) fn day_begins(&mut self) {
        self.daily = false;
    }

    /// How far equity is below its highest since the start.
    #[cfg(test)]
    pub(super) fn drawdown(&self) -> Cash {
        self.peak.saturating_sub(self.earned)
    }

    /// Under which code only reducing orders pass; what holds longer comes first.
    pub(super) fn deny(&self) -> Option<Deny> {
        self.lasting.or(self.daily.then_some(Stop::Day)).map(Stop::deny)
    }

    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.news.is_some()
    }

    pub(super) fn take_news(&mut self) -> Option<Reached> {
        self.news.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stops() -> impl Strategy<Value = LossStops> {
        let limit = || prop::option::of(1i64..60);
        (limit(), limit(), limit()).prop_map(|(loss_max, drawdown_max, loss_day_max)| LossStops {
            loss_max,
            drawdown_max,
            loss_day_max,
        })
    }

    proptest! {
        /// Equity as a path of days: what holds after each step is what the whole path says.
        #[test]
        fn what_holds_is_what_the_whole_path_says(
            stops in stops(), path in prop::collection::vec((-20i64..20, prop::bool::weighted(0.1)), 1..80),
        ) {
            let mut watch = Watch::default();
            let (mut earned, mut day_start, mut told) = (0, 0, 0);
            let (mut past, mut of_day) = (vec![0], Vec::new());
            for (step, day_begins) in path {
                if day_begins {
                    watch.day_begins();
                    (day_start, of_day) = (earned, Vec::new());
                }
                earned += step;
                past.push(earned);
                of_day.push(earned - day_start);
                watch.mark(earned, earned - day_start, &stops);
                told += usize::from(watch.take_news().is_some());
                let fell = |until: usize| {
                    let peak = past[..=until].iter().max().copied().unwrap_or(0);
                    peak - past[until]
                };
                let first_of = |hit: &dyn Fn(usize) -> bool| (0..past.len()).find(|at| hit(at.to_owned()));
                let loss = stops.loss_max.and_then(|most| first_of(&|at| -past[at] >= most));
                let drawdown = stops.drawdown_max.and_then(|most| first_of(&|at| fell(at) >= most));
                let day = stops.loss_day_max.is_some_and(|most| of_day.iter().any(|of| -of >= most));
                let want = match (loss, drawdown) {
                    (Some(loss), Some(drawdown)) if drawdown < loss => Some(Deny::DrawdownLimit),
                    (Some(_), _) => Some(Deny::LossLimit),
                    (None, Some(_)) => Some(Deny::DrawdownLimit),
                    (None, None) => day.then_some(Deny::DailyLoss),
                };
                prop_assert_eq!(watch.deny(), want);
                prop_assert_eq!(watch.drawdown(), fell(past.len() - 1));
            }
            prop_assert!(told > 0 || watch.deny().is_none(), "a stop that holds was told");
        }
    }

    #[test]
    fn a_stop_is_told_once_each_time_it_is_reached() {
        let stops = LossStops { loss_day_max: Some(10), ..LossStops::default() };
        let mut watch = Watch::default();
        watch.mark(-9, -9, &stops);
        assert_eq!(watch.take_news(), None);
        watch.mark(-12, -12, &stops);
        let reached = Reached { stop: Stop::Day, most: 10, lost: 12 };
        assert_eq!((watch.take_news(), watch.deny()), (Some(reached), Some(Deny::DailyLoss)));
        watch.mark(-5, -5, &stops);
        assert_eq!((watch.take_news(), watch.deny()), (None, Some(Deny::DailyLoss)));
        watch.day_begins();
        assert_eq!(watch.deny(), None);
        watch.mark(-16, -11, &stops);
        assert!(watch.take_news().is_some());
    }

    #[test]
    fn the_ends_of_every_integer_are_survived() {
        let stops = LossStops { loss_max: Some(1), drawdown_max: Some(1), loss_day_max: Some(1) };
        for earned in [i64::MIN, -1, 0, i64::MAX] {
            let mut watch = Watch::default();
            watch.mark(i64::MAX, i64::MAX, &stops);
            watch.mark(earned, earned, &stops);
            assert_eq!(watch.deny().is_some(), earned < i64::MAX);
        }
    }
}
