//! What can be read of a venue: markets, the account, streams.
//!
//! Comes in: the markets that were bound. Goes out: a step for each thing read. Deliberately absent:
//! anything that changes something there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wickd_model::{InstrumentId, print_scaled};
use wickd_sandbox::exchange::Said;
use wickd_sandbox::exchange::nouns::{
    BarRange, BookDepth, Channel, ChannelKind, Description, Operation, Product, Range, Reply, Top,
};

use super::{ANSWER_MS, Bad, Run, can};
use crate::adapter::bench::word_of;
use crate::adapter::probes::{name, step_secs};
use crate::figures::count;

/// How long the channels may take, all together, until each has said something.
const STREAMS_MS: u64 = 15_000;

impl Run<'_> {
    fn asked(
        &mut self,
        described: &Description,
        operation: Operation,
        read: impl FnOnce(Reply) -> Option<String>,
    ) {
        let name = name(&operation);
        if can(described, name) {
            self.step(name, |run| {
                let reply = run.probe.ask(&operation, ANSWER_MS)?;
                let odd = || Bad {
                    reason: "an answer that says nothing of it".to_owned(),
                    fix: "`wickd adapter test` shows whether it is the adapter's fault",
                };
                Ok(((), read(reply).ok_or_else(odd)?))
            });
        }
    }

    /// Public data of one market; gives its best prices.
    pub(super) fn market(&mut self, id: InstrumentId, described: &Description) -> Option<Top> {
        let instrument = self.config.plan.instruments.get(id as usize)?.clone();
        let price = |price: i64| print_scaled(price, instrument.price_scale);
        let mut top = None;
        self.asked(described, Operation::Ticker(id), |reply| match reply {
            Reply::Ticker(said) if said.bid > 0 && said.ask > said.bid => {
                top = Some(said);
                Some(format!("{}: {} / {}", instrument.symbol, price(said.bid), price(said.ask)))
            }
            _ => None,
        });
        let depth = BookDepth { instrument: id, levels: 20 };
        self.asked(described, Operation::Book(depth), |reply| match reply {
            Reply::Book(book) if !book.bids.is_empty() && !book.asks.is_empty() => {
                Some(format!("{} bids, {} asks", book.bids.len(), book.asks.len()))
            }
            _ => None,
        });
        let range = Range { instrument: id, since: 0, limit: 20 };
        self.asked(described, Operation::Trades(range), |reply| match reply {
            Reply::Trades(trades) => {
                let last = trades.iter().max_by_key(|trade| trade.ts_event);
                let last =
                    last.map_or_else(String::new, |t| format!(", the last at {}", price(t.price)));
                Some(format!("{}{last}", count(trades.len() as u64, "trade")))
            }
            _ => None,
        });
        let step_secs = step_secs(described);
        self.asked(
            described,
            Operation::Bars(BarRange { range, step_secs }),
            |reply| match reply {
                Reply::Bars(bars) if !bars.is_empty() => {
                    Some(format!("{} of {step_secs} s", count(bars.len() as u64, "bar")))
                }
                _ => None,
            },
        );
        if instrument.product == wickd_model::Product::Perpetual {
            self.asked(described, Operation::FundingRate(id), |reply| match reply {
                Reply::Funding(rates) if !rates.is_empty() => {
                    let every = match rates[0].interval_secs {
                        0 => String::new(),
                        secs => format!(", every {secs} s"),
                    };
                    Some(format!("{} ppm{every}", rates[0].rate_ppm))
                }
                _ => None,
            });
        }
        top
    }

    /// What only the owner may read.
    pub(super) fn account(&mut self, bound: &[InstrumentId], described: &Description) {
        let mut seen: Vec<Product> = Vec::new();
        for id in bound {
            let Some(product) = self.product(*id) else { continue };
            if !seen.contains(&product) {
                seen.push(product);
                self.asked(described, Operation::Balances(product), |reply| match reply {
                    Reply::Balances(all) => Some(format!(
                        "{}: {}",
                        word_of(product).to_lowercase(),
                        count(all.len() as u64, "asset")
                    )),
                    _ => None,
                });
                if product != Product::Spot {
                    self.asked(described, Operation::Positions(product), |reply| match reply {
                        Reply::Positions(all) => Some(count(all.len() as u64, "position")),
                        _ => None,
                    });
                }
            }
            self.asked(described, Operation::OpenOrders(*id), |reply| match reply {
                Reply::Orders(orders) => {
                    Some(format!("{} open", count(orders.len() as u64, "order")))
                }
                _ => None,
            });
        }
    }

    fn product(&mut self, id: InstrumentId) -> Option<Product> {
        let product = self.config.plan.instruments.get(id as usize)?.product;
        Some(match product {
            wickd_model::Product::Spot => Product::Spot,
            wickd_model::Product::Margin => Product::Margin,
            wickd_model::Product::Perpetual => Product::Perpetual,
            wickd_model::Product::DatedFuture => Product::DatedFuture,
            wickd_model::Product::Option => Product::Option,
        })
    }

    /// Every channel the daemon would listen to says something; the account's is confirmed.
    pub(super) fn streams(&mut self, bound: &[InstrumentId]) {
        let channels = self.step("connect", |run| {
            let channels = run.probe.listen(bound, ANSWER_MS)?;
            let text = count(channels.len() as u64, "channel");
            Ok((channels, text))
        });
        let Some(channels) = channels else { return };
        let end = Instant::now() + Duration::from_millis(STREAMS_MS);
        let mut silent: BTreeSet<u32> = channels.iter().map(|channel| channel.id).collect();
        for channel in &channels {
            let step = match channel.kind {
                ChannelKind::Account => "login".to_owned(),
                kind => format!("stream {}", word_of(kind).to_lowercase()),
            };
            self.step(&step, |run| {
                let symbol = run.instrument(channel.instrument)?.symbol.clone();
                while silent.contains(&channel.id) {
                    let left = end.saturating_duration_since(Instant::now()).as_millis() as u64;
                    let said = run.probe.hear(left)?;
                    for said in &said {
                        if let Said::Refused { channel: refused, why } = said
                            && *refused == channel.id
                        {
                            let fix = "check the key's rights, and that the market is streamed";
                            return Err(Bad { reason: format!("{symbol}: refused: {why}"), fix });
                        }
                        silent.retain(|id| !speaks(&channels, *id, said));
                    }
                    if said.is_empty() || !run.probe.closed.is_empty() {
                        let why = run.probe.closed.last().cloned();
                        let reason = why.unwrap_or_else(|| format!("{symbol}: nothing was said"));
                        let fix = "check the socket's address, its grant and the login";
                        return Err(Bad { reason, fix });
                    }
                }
                let text = match channel.kind {
                    ChannelKind::Account => "the account's stream is confirmed".to_owned(),
                    _ => format!("{symbol} flows"),
                };
                Ok(((), text))
            });
        }
    }
}

/// Whether this is the word that a channel flows.
fn speaks(channels: &[Channel], id: u32, said: &Said) -> bool {
    let Some(channel) = channels.iter().find(|channel| channel.id == id) else { return false };
    let of = |instrument: u32| instrument == channel.instrument;
    match (channel.kind, said) {
        (ChannelKind::Quotes, Said::Quote(top)) => of(top.instrument),
        (ChannelKind::Depth, Said::Levels { instrument, .. }) => of(*instrument),
        (ChannelKind::Depth, Said::Quote(top)) => of(top.instrument),
        (ChannelKind::Trades, Said::Trade(print)) => of(print.instrument),
        (ChannelKind::Bars, Said::Bar(bar)) => of(bar.instrument),
        (ChannelKind::Funding, Said::Funding(funding)) => of(funding.instrument),
        // An account in which nothing happens has nothing to say.
        (ChannelKind::Account, Said::Subscribed(confirmed)) => *confirmed == id,
        _ => false,
    }
}
