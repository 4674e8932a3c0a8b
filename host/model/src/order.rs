//! Orders: what a plugin asks for, what the gate answers, what the venue says.

use serde::{Deserialize, Serialize};

use crate::{Cash, ClientId, InstrumentId, IntentId, Stamp, TsNs};

/// Buy or sell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    /// `1` for a buy, `-1` for a sell.
    pub fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

/// How an order is priced.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Kind {
    Market,
    Limit,
}

/// How long an order rests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Tif {
    Gtc,
    Ioc,
    Fok,
}

/// What a plugin stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub kind: Kind,
    /// Limit price, scaled; 0 for a market order.
    pub price: i64,
    /// Size, scaled; always positive.
    pub size: i64,
    /// How long it rests.
    pub tif: Tif,
    /// Refuse rather than take.
    pub post_only: bool,
    /// Only ever bring the position nearer to zero.
    pub reduce_only: bool,
    /// The author's own mark.
    pub tag: u32,
}

/// An order that passed the gate, with the host's id and its provenance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The host's id.
    pub id: ClientId,
    /// What was asked.
    pub request: OrderRequest,
    /// Event time of the decision.
    pub ts_event: TsNs,
    /// Market sequence number of the event that decided it.
    pub seq: u64,
    /// Generation of the slot that decided it.
    pub generation: u32,
}

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Journalled; the venue has not answered.
    Pending,
    /// Resting.
    Open,
    /// Resting with a part done.
    PartlyFilled,
    /// Done.
    Filled,
    /// Taken back.
    Cancelled,
    /// Never rested.
    Rejected,
    /// Ran out of its time in force.
    Expired,
    /// A timeout is not a failure: the venue must be asked by client id.
    Unknown,
}

impl Status {
    /// Nothing more can come.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired)
    }
}

/// Why an order's status changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing special.
    None,
    /// The plugin asked.
    Requested,
    /// The host did: failure policy, halt or stop.
    Host,
    /// A venue rule refused.
    VenueRule,
    /// Not enough of the asset.
    InsufficientFunds,
    /// Post-only, and it would have taken.
    WouldTake,
    /// Immediate-or-cancel or fill-or-kill left a rest.
    Unfilled,
    /// The venue failed.
    VenueFault,
}

/// What the venue said of an order, as it is journalled and as the plugin hears it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderEvent {
    /// The host's id.
    pub id: ClientId,
    /// When and of what; `seq` is the market sequence number before which it is delivered.
    pub at: Stamp,
    /// Buy or sell.
    pub side: Side,
    /// New status.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Filled so far.
    pub filled: i64,
    /// Still open.
    pub remaining: i64,
    /// Price of this fill; 0 where this event is not a fill.
    pub last_price: i64,
    /// Size of this fill; 0 where this event is not a fill.
    pub last_size: i64,
    /// Fee of this fill, in the quote asset.
    pub fee: Cash,
    /// What of the fee was taken out of the bought asset itself, in base units times `10^8`: the
    /// position is less by it. It is part of `fee` as well, at the fill's price.
    #[serde(default)]
    pub fee_base: Cash,
    /// The venue's own id of the fill; 0 where this event is not a fill.
    pub trade_id: u64,
    /// Learned by asking the venue after a restart.
    pub reconciled: bool,
}

impl OrderEvent {
    /// The slot's own number of the order.
    pub fn intent(&self) -> IntentId {
        self.id.intent
    }
}

/// A position that changed without an order of its slot: what the venue has is taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Adjustment {
    /// Whose position: a slot's, or that of the one that owns what no slot owns.
    pub slot: u32,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// What is added to the position; negative where it is taken away.
    pub size: i64,
    /// What is added beside it, in base units times `10^8`: less than one unit of the size.
    pub rest: Cash,
    /// At what price; 0 where nobody knows: then the market's own counts.
    pub price: i64,
    /// When.
    pub ts_event: TsNs,
    /// The venue's id of the fill, where it was one.
    pub trade_id: u64,
    /// Why.
    pub cause: Cause,
}

/// Why a position changed without an order of its slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It was there before the daemon ever traded there.
    Found,
    /// A fill that is nobody's here: by hand, by another program, a liquidation.
    Foreign,
    /// A trade of another market was paid with it, or a fee.
    Paid,
    /// A fill of an order that was told as done.
    Late,
    /// The operator said so.
    Adopted,
}

impl Cause {
    /// The stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Foreign => "foreign",
            Self::Paid => "paid",
            Self::Late => "late",
            Self::Adopted => "adopted",
        }
    }
}

/// What a slot holds of one instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Negative when short.
    pub size: i64,
    /// Average entry; 0 when flat.
    pub entry: i64,
    /// Realised profit and loss before fees.
    pub realised: Cash,
    /// Fees paid; negative where rebates won.
    pub fees: Cash,
}

/// Why the gate refused. The codes are stable: scripts and dashboards match on them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "`hint` says what each means and how to change it")]
pub enum Deny {
    InstrumentUnknown,
    TradingDisabled,
    Halted,
    ReduceOnlyMode,
    Rate,
    PriceStep,
    QtyStep,
    BelowMin,
    AboveMax,
    Notional,
    PositionLimit,
    LossLimit,
    DrawdownLimit,
    DailyLoss,
    AccountLoss,
    OrderCount,
    PriceBand,
    StaleData,
    SelfTrade,
    IntentsPerCall,
    UnknownIntent,
    NotOpen,
    NotReducing,
    NoPrice,
    PositionDiffers,
    VenueHalted,
}

impl std::fmt::Display for Deny {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}

impl Deny {
    /// Every code. The last three are the host's own: a guest hears the nearest code of the WIT enum,
    /// whose order the others keep.
    pub const ALL: [Self; 26] = [
        Self::InstrumentUnknown,
        Self::TradingDisabled,
        Self::Halted,
        Self::ReduceOnlyMode,
        Self::Rate,
        Self::PriceStep,
        Self::QtyStep,
        Self::BelowMin,
        Self::AboveMax,
        Self::Notional,
        Self::PositionLimit,
        Self::LossLimit,
        Self::DrawdownLimit,
        Self::DailyLoss,
        Self::AccountLoss,
        Self::OrderCount,
        Self::PriceBand,
        Self::StaleData,
        Self::SelfTrade,
        Self::IntentsPerCall,
        Self::UnknownIntent,
        Self::NotOpen,
        Self::NotReducing,
        Self::NoPrice,
        Self::PositionDiffers,
        Self::VenueHalted,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::InstrumentUnknown => "instrument-unknown",
            Self::TradingDisabled => "trading-disabled",
            Self::Halted => "halted",
            Self::ReduceOnlyMode => "reduce-only-mode",
            Self::Rate => "rate",
            Self::PriceStep => "price-step",
            Self::QtyStep => "qty-step",
            Self::BelowMin => "below-min",
            Self::AboveMax => "above-max",
            Self::Notional => "notional",
            Self::PositionLimit => "position-limit",
            Self::LossLimit => "loss-limit",
            Self::DrawdownLimit => "drawdown-limit",
            Self::DailyLoss => "daily-loss",
            Self::AccountLoss => "account-loss",
            Self::OrderCount => "order-count",
            Self::PriceBand => "price-band",
            Self::StaleData => "stale-data",
            Self::SelfTrade => "self-trade",
            Self::IntentsPerCall => "intents-per-call",
            Self::UnknownIntent => "unknown-intent",
            Self::NotOpen => "not-open",
            Self::NotReducing => "not-reducing",
            Self::NoPrice => "no-price",
            Self::PositionDiffers => "position-differs",
            Self::VenueHalted => "venue-halted",
        }
    }

    /// What to change, in the operator's words.
    pub fn hint(self) -> &'static str {
        match self {
            Self::InstrumentUnknown => "add the instrument to the slot's `instruments:`",
            Self::TradingDisabled => "the slot is in shadow, catch-up or stopping; nothing to fix",
            Self::Halted => "the slot is halted; set `risk.mode: trade` and restart it",
            Self::ReduceOnlyMode => "`risk.mode: reduce-only` lets only reducing orders pass",
            Self::Rate => "raise `risk.orders_per_second`",
            Self::PriceStep => "round the price to the instrument's `price_step`",
            Self::QtyStep => "round the size to the instrument's `qty_step`",
            Self::BelowMin => {
                "the instrument's or the venue's `min_qty` or `min_notional` is larger"
            }
            Self::AboveMax => "raise `risk.order_size_max`",
            Self::Notional => "raise `risk.order_notional_max`",
            Self::PositionLimit => "raise `risk.position_notional_max`",
            Self::LossLimit => "`risk.loss_max` was reached; the slot only reduces until restarted",
            Self::DrawdownLimit => "`risk.drawdown_max` was reached; the slot only reduces",
            Self::DailyLoss => {
                "`risk.loss_day_max` was reached; the slot only reduces until the next day (UTC)"
            }
            Self::AccountLoss => {
                "the account's `risk` under `venues:` or `paper:` was reached; all its slots only reduce"
            }
            Self::OrderCount => "raise `risk.open_orders_max`",
            Self::PriceBand => "raise `risk.price_band_bps` or price nearer to the market",
            Self::StaleData => "the feed is stale or down; see the feed's `stale_after_ms`",
            Self::SelfTrade => "the order would meet the slot's own resting order",
            Self::IntentsPerCall => "raise `limits.intents_per_call`",
            Self::UnknownIntent => "the intent is not one of this slot's",
            Self::NotOpen => "the order is already done",
            Self::NotReducing => "a reduce-only order must bring the position nearer to zero",
            Self::NoPrice => {
                "the slot holds something that never had a price; its feed must say one first"
            }
            Self::PositionDiffers => {
                "what is owned is not what the venue says; see `wickd positions`, then `wickd adopt`"
            }
            Self::VenueHalted => {
                "the venue is halted; see its notice, then say `wickd resume VENUE`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denial_has_a_code_and_stands_at_its_own_number() {
        for (place, deny) in Deny::ALL.iter().enumerate() {
            assert_eq!(*deny as usize, place);
            assert!(!deny.hint().is_empty() && !deny.code().is_empty());
        }
    }
}
