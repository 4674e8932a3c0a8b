//! A model of a venue that loses, doubles, delays, reorders and forgets what it says.

use proptest::prelude::*;
use wickd_model::{Kind, OrderRequest, Side, Tif};
use wickd_sandbox::exchange::nouns::{self, OrderStatus, Rejection};

use super::super::*;
use crate::orders::samples::instrument;

pub(super) const MS: u64 = NS_PER_MS;
pub(super) const SETTLE_MS: u64 = 500;
/// Reads of the model lag by at most this much.
pub(super) const LAG_MS: u64 = 15_000;

pub(super) fn tracker() -> Tracker {
    Tracker::new(vec![instrument(0)], &[true], Windows::new(SETTLE_MS, LAG_MS))
}

pub(super) fn order(intent: u64, size: i64) -> Order {
    Order {
        id: ClientId { slot: 1, intent },
        request: OrderRequest {
            instrument: 0,
            side: Side::Buy,
            kind: Kind::Limit,
            price: 100,
            size,
            tif: Tif::Gtc,
            post_only: false,
            reduce_only: false,
            tag: 0,
        },
        ts_event: 0,
        seq: 1,
        generation: 1,
    }
}

/// One order as the venue has it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) venue_id: String,
    pub(super) size: i64,
    pub(super) fills: Vec<i64>,
    pub(super) status: OrderStatus,
}

impl Held {
    pub(super) fn filled(&self) -> i64 {
        self.fills.iter().sum()
    }
}

/// A venue in ten lines: what it holds is the truth the tracker must reach.
#[derive(Default)]
pub(super) struct Model {
    pub(super) orders: BTreeMap<String, Held>,
    /// What it held when, for reads that lag.
    pub(super) past: Vec<(TsNs, BTreeMap<String, Held>)>,
    /// How far reads are behind, in turn.
    pub(super) lags_ms: Vec<u64>,
    /// The order's own address does not find these, whatever it is asked.
    pub(super) forgotten: BTreeSet<String>,
    /// Creates it took in, by client id: more than one would be an order sent twice.
    pub(super) taken: BTreeMap<String, u32>,
}

impl Model {
    /// What a read shows now.
    pub(super) fn read(&mut self, now: TsNs) -> BTreeMap<String, Held> {
        let lag_ms = match self.lags_ms.len() {
            0 => 0,
            count => self.lags_ms[(now / MS) as usize % count],
        };
        let then = now.saturating_sub(lag_ms * MS);
        let seen = self.past.iter().rfind(|(at, _)| *at <= then);
        if lag_ms == 0 {
            self.orders.clone()
        } else {
            seen.map_or_else(BTreeMap::new, |(_, held)| held.clone())
        }
    }

    /// Keeps what it holds now for reads that lag.
    pub(super) fn keep(&mut self, now: TsNs) {
        self.past.push((now, self.orders.clone()));
    }

    pub(super) fn report(orders: &BTreeMap<String, Held>, text: &str) -> Option<OrderReport> {
        let held = orders.get(text)?;
        Some(OrderReport {
            instrument: 0,
            client_id: text.to_owned(),
            venue_id: held.venue_id.clone(),
            side: nouns::Side::Buy,
            status: held.status,
            reason: nouns::OrderReason::None,
            filled: held.filled(),
            remaining: held.size - held.filled(),
            ts_event: 1,
        })
    }

    pub(super) fn fills(orders: &BTreeMap<String, Held>) -> Vec<FillReport> {
        let each = orders.values().flat_map(|held| {
            held.fills.iter().enumerate().map(|(n, size)| FillReport {
                instrument: 0,
                client_id: String::new(),
                venue_id: held.venue_id.clone(),
                trade_id: format!("{}-{n}", held.venue_id),
                side: nouns::Side::Buy,
                price: 100,
                size: *size,
                fee: "0.01".to_owned(),
                fee_asset: "USDT".to_owned(),
                ts_event: 1,
            })
        });
        each.collect()
    }

    pub(super) fn carry_out(&mut self, operation: &Operation, accept: bool, now: TsNs) -> Outcome {
        let read = self.read(now);
        let rows = |open: bool| -> Vec<OrderReport> {
            let wanted = read.iter().filter(|(_, held)| !open || held.status == OrderStatus::Open);
            wanted.filter_map(|(text, _)| Self::report(&read, text)).collect()
        };
        match operation {
            Operation::Create(new) => {
                if self.orders.contains_key(&new.client_id) {
                    return Outcome::Failure(Failure::Duplicate(String::new()));
                }
                if !accept {
                    let no = Rejection {
                        code: "1".to_owned(),
                        message: String::new(),
                        reason: nouns::OrderReason::VenueRule,
                    };
                    return Outcome::Failure(Failure::Rejected(no));
                }
                *self.taken.entry(new.client_id.clone()).or_default() += 1;
                let venue_id = format!("v{}", self.orders.len() + 1);
                let held = Held {
                    venue_id: venue_id.clone(),
                    size: new.size,
                    fills: Vec::new(),
                    status: OrderStatus::Open,
                };
                self.orders.insert(new.client_id.clone(), held);
                Outcome::Reply(Reply::Accepted(venue_id))
            }
            Operation::Order(of) => match Self::report(&read, &of.client_id) {
                Some(report) if !self.forgotten.contains(&of.client_id) => {
                    Outcome::Reply(Reply::Orders(vec![report]))
                }
                _ => Outcome::Failure(Failure::NotFound(String::new())),
            },
            Operation::OpenOrders(_) => Outcome::Reply(Reply::Orders(rows(true))),
            Operation::OrderHistory(_) => Outcome::Reply(Reply::Orders(rows(false))),
            Operation::Cancel(of) => match self.orders.get_mut(&of.client_id) {
                Some(held) if held.status == OrderStatus::Open => {
                    held.status = OrderStatus::Cancelled;
                    Outcome::Reply(Reply::Accepted(held.venue_id.clone()))
                }
                _ => Outcome::Failure(Failure::NotFound(String::new())),
            },
            Operation::OrderFills(of) => {
                assert!(!of.venue_id.is_empty());
                let all = Self::fills(&read).into_iter();
                Outcome::Reply(Reply::Fills(all.filter(|f| f.venue_id == of.venue_id).collect()))
            }
            other => panic!("the tracker asks for {other:?}"),
        }
    }
}

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    None,
    /// Never arrived, and that is known.
    Unsent,
    /// Never arrived, and nobody knows.
    LostBefore,
    /// Carried out, and the answer was lost.
    LostAfter,
    /// Carried out, and the answer is garbage.
    Garbled,
    Unavailable,
    Limited,
    Rejected,
}

pub(super) fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::Unsent),
        1 => Just(Fault::LostBefore),
        2 => Just(Fault::LostAfter),
        1 => Just(Fault::Garbled),
        1 => Just(Fault::Unavailable),
        1 => Just(Fault::Limited),
        1 => Just(Fault::Rejected),
    ]
}

/// One step of the venue's own life.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Fill(usize, i64),
    /// Tell the stream of this order, so many times.
    Tell(usize, u8),
    TellFills(u8),
    Cancel(usize),
    Restart,
    Wait(u16),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0usize..4, 1i64..6).prop_map(|(o, s)| Step::Fill(o, s)),
        (0usize..4, 0u8..3).prop_map(|(o, n)| Step::Tell(o, n)),
        (0u8..3).prop_map(Step::TellFills),
        (0usize..4).prop_map(Step::Cancel),
        Just(Step::Restart),
        (0u16..900).prop_map(Step::Wait),
        (0u16..20_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..24)
}

pub(super) struct Run {
    pub(super) tracker: Tracker,
    pub(super) model: Model,
    pub(super) now: TsNs,
    pub(super) heard: Vec<OrderEvent>,
    pub(super) faults: Vec<Fault>,
    pub(super) orders: Vec<Order>,
    pub(super) cancels: BTreeMap<ClientId, Reason>,
}

impl Run {
    pub(super) fn new(orders: usize, faults: Vec<Fault>) -> Self {
        let mut run = Self {
            tracker: tracker(),
            model: Model::default(),
            now: 0,
            heard: Vec::new(),
            faults,
            orders: (1..=orders as u64).map(|intent| order(intent, 10)).collect(),
            cancels: BTreeMap::new(),
        };
        for order in run.orders.clone() {
            run.tracker.send(order, text(order.id), 0);
        }
        run
    }

    /// Carries out what is due, each with the next fault.
    pub(super) fn act(&mut self) {
        self.model.keep(self.now);
        let mut due = Vec::new();
        self.tracker.due(self.now, &mut due);
        for (id, operation) in due {
            let fault = self.faults.pop().unwrap_or(Fault::None);
            let outcome = match fault {
                Fault::None => self.model.carry_out(&operation, true, self.now),
                Fault::Rejected => self.model.carry_out(&operation, false, self.now),
                Fault::Unsent => Outcome::Unsent,
                Fault::LostBefore => Outcome::Lost,
                Fault::LostAfter => {
                    self.model.carry_out(&operation, true, self.now);
                    Outcome::Lost
                }
                Fault::Garbled => {
                    self.model.carry_out(&operation, true, self.now);
                    Outcome::Failure(Failure::Malformed(String::new()))
                }
                Fault::Unavailable => Outcome::Failure(Failure::Unavailable(String::new())),
                Fault::Limited => Outcome::Failure(Failure::RateLimited(30)),
            };
            self.tracker.settle(id, &operation, outcome, self.now, &mut self.heard);
        }
        self.model.keep(self.now);
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Fill(order, size) => {
                let held = self.model.orders.values_mut().nth(*order);
                let Some(held) = held.filter(|held| held.status == OrderStatus::Open) else {
                    return;
                };
                let size = (*size).min(held.size - held.filled());
                held.fills.push(size);
                if held.filled() == held.size {
                    held.status = OrderStatus::Filled;
                }
            }
            Step::Tell(order, times) => {
                let text = self.model.orders.keys().nth(*order).cloned();
                let report = text.and_then(|text| Model::report(&self.model.orders, &text));
                for report in report.iter().cycle().take(usize::from(*times)) {
                    self.tracker.report(report, self.now, &mut self.heard);
                }
            }
            Step::TellFills(times) => {
                let fills = Model::fills(&self.model.orders);
                for fill in fills.iter().rev().cycle().take(usize::from(*times) * fills.len()) {
                    self.tracker.fill(fill, self.now, &mut self.heard);
                }
            }
            Step::Cancel(order) => {
                if let Some(order) = self.orders.get(*order) {
                    self.cancels.insert(order.id, Reason::Requested);
                    self.tracker.cancel(order.id, Reason::Requested, self.now);
                }
            }
            Step::Restart => self.restart(),
            Step::Wait(ms) => self.now += u64::from(*ms) * MS,
        }
        self.act();
    }

    /// As after `kill -9`: only what was heard is known.
    pub(super) fn restart(&mut self) {
        let mut tracker = tracker();
        for order in &self.orders {
            let heard: Vec<_> =
                self.heard.iter().filter(|event| event.id == order.id).copied().collect();
            if !heard.iter().any(|event| event.status.is_final()) {
                let cancel = self.cancels.get(&order.id).copied();
                tracker.adopt(*order, text(order.id), &heard, cancel, self.now);
            }
        }
        self.tracker = tracker;
    }

    /// Lets everything come to rest: no more faults, and time enough.
    pub(super) fn rest(&mut self) {
        self.faults.clear();
        for _ in 0..400 {
            self.now += 1_000 * MS;
            self.act();
        }
    }

    /// Whether the slot was told the venue's truth, in order, and nothing was sent twice.
    pub(super) fn agrees(&self) -> Result<(), TestCaseError> {
        for order in &self.orders {
            let news: Vec<_> = self.heard.iter().filter(|event| event.id == order.id).collect();
            let filled: i64 = news.iter().map(|event| event.last_size).sum();
            let last = news.last().map(|event| event.status);
            match self.model.orders.get(&text(order.id)) {
                None => {
                    prop_assert_eq!(last, Some(Status::Rejected));
                    prop_assert_eq!(filled, 0);
                }
                Some(held) => {
                    prop_assert_eq!(filled, held.filled(), "{:?}", news);
                    let done = held.status != OrderStatus::Open;
                    let told = last.is_some_and(Status::is_final);
                    prop_assert_eq!(told, done, "{:?} against {:?}", news, held);
                }
            }
            // Each fill continues the one before it, and nothing follows an end.
            let mut sum = 0;
            for (place, event) in news.iter().enumerate() {
                sum += event.last_size;
                prop_assert_eq!(event.filled, sum);
                prop_assert!(!event.status.is_final() || place + 1 == news.len());
            }
        }
        let twice = self.model.taken.values().any(|times| *times > 1);
        prop_assert!(!twice, "an order was sent twice");
        Ok(())
    }
}

pub(super) fn text(id: ClientId) -> String {
    format!("w{}x{}", id.slot, id.intent)
}
