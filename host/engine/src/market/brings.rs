//! What a recording brings, and what it can therefore not meet.
//!
//! Comes in: the headers of its files. Goes out: words, and a verdict on a want. Deliberately absent: feeds
//! whose kind nobody knows before they speak, which are venues, plugins and walks.

use wickd_model::InstrumentId;

/// What somebody wants of an instrument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Want {
    Quotes,
    Trades,
    /// Bars of so many seconds.
    Bars(u32),
}

impl Want {
    /// In words.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Quotes => "quotes".to_owned(),
            Self::Trades => "trades".to_owned(),
            Self::Bars(secs) => format!("bars of {secs} s"),
        }
    }
}

/// What the files of one replay bring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Brings {
    pub(crate) feed: String,
    pub(crate) instrument: InstrumentId,
    pub(crate) quotes: bool,
    pub(crate) trades: bool,
    /// Length of its bars, in seconds.
    pub(crate) bar_secs: Option<u32>,
}

impl Brings {
    /// Whether it can bring this, or whether the host can build it from what it brings.
    pub(crate) fn meets(&self, want: Want) -> bool {
        match want {
            Want::Quotes => self.quotes,
            Want::Trades => self.trades,
            Want::Bars(secs) => self.trades || self.bar_secs.is_some_and(|of| is_built(secs, of)),
        }
    }

    /// Silence in seconds that is ordinary for it: two bars, where it brings nothing else.
    pub(crate) fn ordinary_silence_secs(&self) -> u64 {
        let bars = self.bar_secs.filter(|_| !self.quotes && !self.trades);
        bars.map_or(0, |secs| 2 * u64::from(secs))
    }

    /// In words.
    pub(crate) fn in_words(&self) -> String {
        let bars = self.bar_secs.map(|secs| Want::Bars(secs).in_words());
        let quotes = self.quotes.then(|| Want::Quotes.in_words());
        let trades = self.trades.then(|| Want::Trades.in_words());
        let all: Vec<_> = quotes.into_iter().chain(trades).chain(bars).collect();
        all.join(" and ")
    }

    /// What would mend a want that it does not meet.
    pub(crate) fn fix(&self, want: Want) -> String {
        let feed = &self.feed;
        match (want, self.bar_secs) {
            (Want::Bars(secs), Some(of)) => format!(
                "ask for bars of a multiple of {of} s, or add a file of trades, or one of bars of \
                 {secs} s with `bar_secs: {secs}`, to feed `{feed}`"
            ),
            (Want::Bars(secs), None) => format!(
                "add a file of trades, or one of bars with `bar_secs: {secs}`, to feed `{feed}`"
            ),
            (Want::Quotes | Want::Trades, Some(of)) => format!(
                "add a file of {} to feed `{feed}`, or use a plugin that asks for bars of {of} s",
                want.in_words()
            ),
            (Want::Quotes | Want::Trades, None) => {
                format!("add a file of {} to feed `{feed}`", want.in_words())
            }
        }
    }
}

/// Whether bars of `secs` come where bars of `of` seconds do.
fn is_built(secs: u32, of: u32) -> bool {
    of > 0 && secs.is_multiple_of(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brings(quotes: bool, trades: bool, bar_secs: Option<u32>) -> Brings {
        Brings { feed: "f".to_owned(), instrument: 0, quotes, trades, bar_secs }
    }

    #[test]
    fn bars_meet_whole_multiples_of_themselves_and_nothing_else() {
        let bars = brings(false, false, Some(60));
        let met = [Want::Bars(60), Want::Bars(300)];
        let unmet = [Want::Bars(30), Want::Bars(90), Want::Quotes, Want::Trades];
        assert!(met.iter().all(|want| bars.meets(*want)));
        assert!(!unmet.iter().any(|want| bars.meets(*want)));
        assert_eq!(bars.in_words(), "bars of 60 s");
        assert!(unmet.iter().all(|want| bars.fix(*want).contains("`f`")));
    }

    #[test]
    fn trades_make_bars_of_any_length_and_quotes_make_none() {
        assert!(brings(false, true, None).meets(Want::Bars(7)));
        assert!(!brings(true, false, None).meets(Want::Bars(7)));
        assert_eq!(brings(true, true, None).in_words(), "quotes and trades");
    }

    #[test]
    fn two_bars_of_silence_are_ordinary_only_where_nothing_else_comes() {
        assert_eq!(brings(false, false, Some(60)).ordinary_silence_secs(), 120);
        assert_eq!(brings(true, false, Some(60)).ordinary_silence_secs(), 0);
        assert_eq!(brings(false, true, None).ordinary_silence_secs(), 0);
    }
}
