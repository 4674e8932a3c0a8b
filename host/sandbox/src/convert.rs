//! The nouns of `wit/` and the nouns of the house, one into the other.

use wickd_model as model;

use crate::bindings::wit::{params, signals, types, wants};

impl From<model::Stamp> for types::Stamp {
    fn from(at: model::Stamp) -> Self {
        let model::Stamp { instrument, seq, ts_event, ts_init } = at;
        Self { instrument, seq, ts_event, ts_init }
    }
}

impl From<model::Quote> for types::Quote {
    fn from(quote: model::Quote) -> Self {
        let model::Quote { at, bid, ask, bid_qty, ask_qty } = quote;
        Self { at: at.into(), bid, ask, bid_qty, ask_qty }
    }
}

impl From<model::Trade> for types::Trade {
    fn from(trade: model::Trade) -> Self {
        let model::Trade { at, price, size, aggressor, trade_id } = trade;
        let aggressor = match aggressor {
            model::Aggressor::Buyer => types::Aggressor::Buyer,
            model::Aggressor::Seller => types::Aggressor::Seller,
            model::Aggressor::None => types::Aggressor::None,
        };
        Self { at: at.into(), price, size, aggressor, trade_id }
    }
}

impl From<types::Stamp> for model::Stamp {
    fn from(at: types::Stamp) -> Self {
        let types::Stamp { instrument, seq, ts_event, ts_init } = at;
        Self { instrument, seq, ts_event, ts_init }
    }
}

impl From<types::Quote> for model::Quote {
    fn from(quote: types::Quote) -> Self {
        let types::Quote { at, bid, ask, bid_qty, ask_qty } = quote;
        Self { at: at.into(), bid, ask, bid_qty, ask_qty }
    }
}

impl From<types::Trade> for model::Trade {
    fn from(trade: types::Trade) -> Self {
        let types::Trade { at, price, size, aggressor, trade_id } = trade;
        let aggressor = match aggressor {
            types::Aggressor::Buyer => model::Aggressor::Buyer,
            types::Aggressor::Seller => model::Aggressor::Seller,
            types::Aggressor::None => model::Aggressor::None,
        };
        Self { at: at.into(), price, size, aggressor, trade_id }
    }
}

impl From<model::Bar> for types::Bar {
    fn from(bar: model::Bar) -> Self {
        let model::Bar { at, step_secs, open_time, open, high, low, close, volume, trades } = bar;
        Self { at: at.into(), step_secs, open_time, open, high, low, close, volume, trades }
    }
}

impl From<model::FeedStatus> for types::FeedStatus {
    fn from(status: model::FeedStatus) -> Self {
        let state = match status.state {
            model::FeedState::Live => types::FeedState::Live,
            model::FeedState::Stale => types::FeedState::Stale,
            model::FeedState::Down => types::FeedState::Down,
        };
        Self { at: status.at.into(), state }
    }
}

impl From<model::Product> for types::Product {
    fn from(product: model::Product) -> Self {
        match product {
            model::Product::Spot => Self::Spot,
            model::Product::Margin => Self::Margin,
            model::Product::Perpetual => Self::Perpetual,
            model::Product::DatedFuture => Self::DatedFuture,
            model::Product::Option => Self::Option,
        }
    }
}

impl From<model::Side> for types::Side {
    fn from(side: model::Side) -> Self {
        match side {
            model::Side::Buy => Self::Buy,
            model::Side::Sell => Self::Sell,
        }
    }
}

impl From<types::OrderRequest> for model::OrderRequest {
    fn from(order: types::OrderRequest) -> Self {
        Self {
            instrument: order.instrument,
            side: match order.side {
                types::Side::Buy => model::Side::Buy,
                types::Side::Sell => model::Side::Sell,
            },
            kind: match order.kind {
                types::OrderKind::Market => model::Kind::Market,
                types::OrderKind::Limit => model::Kind::Limit,
            },
            price: order.price,
            size: order.size,
            tif: match order.tif {
                types::TimeInForce::Gtc => model::Tif::Gtc,
                types::TimeInForce::Ioc => model::Tif::Ioc,
                types::TimeInForce::Fok => model::Tif::Fok,
            },
            post_only: order.post_only,
            reduce_only: order.reduce_only,
            tag: order.tag,
        }
    }
}

impl From<model::OrderEvent> for types::OrderEvent {
    fn from(event: model::OrderEvent) -> Self {
        Self {
            at: event.at.into(),
            intent: event.id.intent,
            side: event.side.into(),
            status: match event.status {
                model::Status::Pending => types::OrderStatus::Pending,
                model::Status::Open => types::OrderStatus::Open,
                model::Status::PartlyFilled => types::OrderStatus::PartlyFilled,
                model::Status::Filled => types::OrderStatus::Filled,
                model::Status::Cancelled => types::OrderStatus::Cancelled,
                model::Status::Rejected => types::OrderStatus::Rejected,
                model::Status::Expired => types::OrderStatus::Expired,
                model::Status::Unknown => types::OrderStatus::Unknown,
            },
            reason: match event.reason {
                model::Reason::None => types::OrderReason::None,
                model::Reason::Requested => types::OrderReason::Requested,
                model::Reason::Host => types::OrderReason::Host,
                model::Reason::VenueRule => types::OrderReason::VenueRule,
                model::Reason::InsufficientFunds => types::OrderReason::InsufficientFunds,
                model::Reason::WouldTake => types::OrderReason::WouldTake,
                model::Reason::Unfilled => types::OrderReason::Unfilled,
                model::Reason::VenueFault => types::OrderReason::VenueFault,
            },
            filled: event.filled,
            remaining: event.remaining,
            last_price: event.last_price,
            last_size: event.last_size,
            fee: event.fee,
            reconciled: event.reconciled,
        }
    }
}

impl From<model::Position> for types::Position {
    fn from(position: model::Position) -> Self {
        let model::Position { instrument, size, entry, realised, fees } = position;
        Self { instrument, size, entry, realised, fees }
    }
}

impl From<model::Deny> for types::DenyCode {
    fn from(deny: model::Deny) -> Self {
        use model::Deny;
        match deny {
            Deny::InstrumentUnknown => Self::InstrumentUnknown,
            Deny::TradingDisabled => Self::TradingDisabled,
            Deny::Halted => Self::Halted,
            Deny::ReduceOnlyMode => Self::ReduceOnlyMode,
            Deny::Rate => Self::Rate,
            Deny::PriceStep => Self::PriceStep,
            Deny::QtyStep => Self::QtyStep,
            Deny::BelowMin => Self::BelowMin,
            Deny::AboveMax => Self::AboveMax,
            Deny::Notional => Self::Notional,
            Deny::PositionLimit => Self::PositionLimit,
            Deny::LossLimit => Self::LossLimit,
            Deny::DrawdownLimit => Self::DrawdownLimit,
            Deny::DailyLoss => Self::DailyLoss,
            Deny::AccountLoss => Self::AccountLoss,
            Deny::OrderCount => Self::OrderCount,
            Deny::PriceBand => Self::PriceBand,
            Deny::StaleData => Self::StaleData,
            Deny::SelfTrade => Self::SelfTrade,
            Deny::IntentsPerCall => Self::IntentsPerCall,
            Deny::UnknownIntent => Self::UnknownIntent,
            Deny::NotOpen => Self::NotOpen,
            Deny::NotReducing => Self::NotReducing,
            Deny::NoPrice => Self::StaleData,
            Deny::PositionDiffers => Self::ReduceOnlyMode,
            Deny::VenueHalted => Self::Halted,
        }
    }
}

impl From<&model::Instrument> for types::Instrument {
    fn from(instrument: &model::Instrument) -> Self {
        Self {
            id: instrument.id,
            epoch: instrument.epoch,
            venue: instrument.venue.clone(),
            symbol: instrument.symbol.clone(),
            product: instrument.product.into(),
            base: instrument.base.clone(),
            quote: instrument.quote.clone(),
            price_scale: instrument.price_scale,
            size_scale: instrument.size_scale,
            price_step: instrument.price_step,
            qty_step: instrument.qty_step,
            min_qty: instrument.min_qty,
            min_notional: instrument.min_notional,
        }
    }
}

impl From<model::Heard> for signals::Heard {
    fn from(heard: model::Heard) -> Self {
        Self {
            at: heard.at.into(),
            input: heard.input,
            output: heard.signal.output,
            direction: match heard.signal.direction {
                model::Direction::Down => signals::Direction::Down,
                model::Direction::Flat => signals::Direction::Flat,
                model::Direction::Up => signals::Direction::Up,
            },
            strength: heard.signal.strength,
            confidence: heard.signal.confidence,
            valid_until: heard.signal.valid_until,
        }
    }
}

impl From<params::Value> for model::Value {
    fn from(value: params::Value) -> Self {
        match value {
            params::Value::Boolean(value) => Self::Boolean(value),
            params::Value::Integer(value) => Self::Integer(value),
            params::Value::Number(text) => Self::Number(text),
            params::Value::Text(text) => Self::Text(text),
            params::Value::Choice(text) => Self::Choice(text),
            params::Value::DurationMs(ms) => Self::DurationMs(ms),
        }
    }
}

impl From<&model::Entry> for params::Entry {
    fn from(entry: &model::Entry) -> Self {
        let value = match &entry.value {
            model::Value::Boolean(value) => params::Value::Boolean(*value),
            model::Value::Integer(value) => params::Value::Integer(*value),
            model::Value::Number(text) => params::Value::Number(text.clone()),
            model::Value::Text(text) => params::Value::Text(text.clone()),
            model::Value::Choice(text) => params::Value::Choice(text.clone()),
            model::Value::DurationMs(ms) => params::Value::DurationMs(*ms),
        };
        Self { key: entry.key.clone(), value }
    }
}

impl From<params::Spec> for model::Spec {
    fn from(spec: params::Spec) -> Self {
        let domain = match spec.domain {
            params::Domain::Boolean => model::Domain::Boolean,
            params::Domain::Integer(range) => {
                model::Domain::Integer { min: range.min, max: range.max, step: range.step }
            }
            params::Domain::Number(range) => {
                model::Domain::Number { min: range.min, max: range.max, step: range.step }
            }
            params::Domain::Text(bytes_max) => model::Domain::Text { bytes_max },
            params::Domain::Choice(choices) => model::Domain::Choice(choices),
            params::Domain::Duration(range) => {
                model::Domain::Duration { min_ms: range.min_ms, max_ms: range.max_ms }
            }
        };
        let (key, description) = (spec.key, spec.description);
        Self { key, description, domain, default: spec.default.into() }
    }
}

impl From<params::Issue> for model::Issue {
    fn from(issue: params::Issue) -> Self {
        Self {
            key: model::printable(issue.key.as_bytes(), 64),
            message: model::printable(issue.message.as_bytes(), 256),
        }
    }
}

impl From<wants::Needs> for model::Needs {
    fn from(needs: wants::Needs) -> Self {
        let inputs = needs.inputs.into_iter().map(|input| model::Input {
            plugin: model::printable(input.plugin.as_bytes(), 64),
            instrument: input.instrument,
            source: match input.source {
                wants::Source::Mid => model::Source::Mid,
                wants::Source::Trades => model::Source::Trades,
                wants::Source::Bars(secs) => model::Source::Bars(secs),
            },
            params: input
                .params
                .into_iter()
                .map(|entry| model::Entry { key: entry.key, value: entry.value.into() })
                .collect(),
        });
        Self {
            inputs: inputs.collect(),
            quotes: needs.quotes,
            trades: needs.trades,
            bar_secs: needs.bar_secs,
            warm_up_events: needs.warm_up_events,
        }
    }
}
