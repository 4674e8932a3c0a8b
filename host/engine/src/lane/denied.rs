//! What the gate has refused a slot, by code: counted on the tick path, told as each count grows tenfold.

use wickd_model::Deny;

/// What a slot was denied.
pub(crate) struct Denied {
    counts: [u64; Deny::ALL.len()],
    total: u64,
    last: Option<Deny>,
    /// Codes, by bit, whose count has become a power of ten since it was last told.
    news: u32,
}

impl Denied {
    pub(crate) fn new() -> Self {
        Self { counts: [0; Deny::ALL.len()], total: 0, last: None, news: 0 }
    }

    pub(crate) fn count(&mut self, deny: Deny) {
        let place = deny as usize;
        self.counts[place] += 1;
        self.total += 1;
        self.last = Some(deny);
        let count = self.counts[place];
        if count == 10_u64.pow(count.ilog10()) {
            self.news |= 1 << place;
        }
    }

    /// All of them.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn last(&self) -> Option<Deny> {
        self.last
    }

    /// Codes that are worth telling, each with its count so far.
    pub(crate) fn take_news(&mut self) -> Vec<(Deny, u64)> {
        let news = std::mem::take(&mut self.news);
        let told = Deny::ALL.iter().zip(self.counts).enumerate();
        told.filter(|(place, _)| news & (1 << place) != 0).map(|(_, (d, n))| (*d, n)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_and_each_code_is_told_first_and_as_it_grows_tenfold() {
        let (mut denied, mut told) = (Denied::new(), Vec::new());
        for number in 0..115 {
            denied.count(if number == 50 { Deny::Rate } else { Deny::PriceStep });
            told.extend(denied.take_news());
        }
        let step = |count| (Deny::PriceStep, count);
        assert_eq!(told, [step(1), step(10), (Deny::Rate, 1), step(100)]);
        assert_eq!((denied.total(), denied.last()), (115, Some(Deny::PriceStep)));
    }

    #[test]
    fn the_table_is_in_the_order_of_the_codes() {
        assert!(Deny::ALL.iter().enumerate().all(|(place, deny)| *deny as usize == place));
    }
}
