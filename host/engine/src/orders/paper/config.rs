//! How the paper venue behaves: every setting with its unit, default and range.
//!
//! Comes in: what the operator set. Goes out: what is wrong with it, and which orders are
//! rejected. Deliberately absent: any other behaviour.

use wickd_model::{Cash, ClientId, Issue};

use super::super::matching::{PPM, Taker};

/// Who competes for what the market shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PaperMarket {
    /// Each slot has the market to itself: what one does changes nothing for another.
    #[default]
    Own,
    /// All slots of a lane share it, as they would at a venue.
    Shared,
}

impl PaperMarket {
    /// Every kind with its name in a configuration.
    pub const NAMES: [(&'static str, Self); 2] = [("own", Self::Own), ("shared", Self::Shared)];

    /// Under whom a slot takes.
    #[inline]
    pub(crate) fn taker(self, slot: u32) -> Taker {
        match self {
            Self::Own => slot,
            Self::Shared => 0,
        }
    }
}

/// How the paper venue behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaperConfig {
    /// Milliseconds of event time from host to venue, and back again. Default 50; at most 60,000.
    pub latency_ms: u32,
    /// Millionths of orders that the venue fails to take. Default 0.
    pub reject_ppm: u32,
    /// Millionths of a shown or printed size that our orders may have. Default all of it; at least 1.
    pub participation_ppm: u32,
    /// Chooses which orders are rejected.
    pub seed: u64,
    /// Cash of each slot for each instrument. `None`: no account is kept short. `Some`: no
    /// borrowing; buys need cash, sells need holdings.
    pub funds: Option<Cash>,
    /// Orders under way and resting at once. Default 4,096; at least the sum of the slots'
    /// `risk.open_orders_max`, so that no slot can take another's room. At most 1,000,000.
    pub live_orders_max: u32,
    /// Who competes for what is shown. Default: each slot has the market to itself.
    pub market: PaperMarket,
}

impl Default for PaperConfig {
    fn default() -> Self {
        Self {
            latency_ms: 50,
            reject_ppm: 0,
            participation_ppm: 1_000_000,
            seed: 0,
            funds: None,
            live_orders_max: 4_096,
            market: PaperMarket::Own,
        }
    }
}

impl PaperConfig {
    /// Every value outside its range.
    pub fn check(&self) -> Vec<Issue> {
        let rows = [
            ("latency_ms", self.latency_ms, 0, 60_000),
            ("reject_ppm", self.reject_ppm, 0, 1_000_000),
            ("participation_ppm", self.participation_ppm, 1, 1_000_000),
            ("live_orders_max", self.live_orders_max, 1, 1_000_000),
        ];
        let outside = rows.into_iter().filter(|(_, value, min, max)| !(min..=max).contains(&value));
        let mut issues: Vec<Issue> = outside
            .map(|(key, value, min, max)| Issue {
                key: format!("paper.{key}"),
                message: format!("{value} is outside {min} to {max}"),
            })
            .collect();
        if self.funds.is_some_and(|funds| funds < 0) {
            let message = "must not be negative".to_owned();
            issues.push(Issue { key: "paper.funds".to_owned(), message });
        }
        issues
    }

    /// Whether the venue fails to take this order.
    pub(super) fn rejects(&self, id: ClientId) -> bool {
        let draw = mix(self.seed, id) as i128 % PPM;
        draw < i128::from(self.reject_ppm)
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) over seed
/// and client id, so that an order's fate does not hang on what else was sent.
fn mix(seed: u64, id: ClientId) -> u64 {
    let step = |value: u64| {
        let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    step(step(step(seed) ^ u64::from(id.slot)) ^ id.intent)
}
