//! The tracker against a model of a venue that loses, doubles, delays and reorders what it says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wickd_model::{Kind, OrderRequest, Side, Tif};
use wickd_sandbox::exchange::nouns::{self, OrderStatus, Rejection};

use super::order::trade_number;
use super::*;
use crate::orders::samples::instrument;

const MS: u64 = NS_PER_MS;
const SETTLE_MS: u64 = 500;

fn order(intent: u64, size: i64) -> Order {
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
struct Held {
    venue_id: String,
    size: i64,
    fills: Vec<i64>,
    status: OrderStatus,
}

impl Held {
    fn filled(&self) -> i64 {
        self.fills.iter().sum()
    }
}

/// A venue in ten lines: what it holds is the truth the tracker must reach.
#[derive(Default)]
struct Model {
    orders: BTreeMap<String, Held>,
    /// Creates it took in, by client id: more than one would be an order sent twice.
    taken: BTreeMap<String, u32>,
}

impl Model {
    fn report(&self, text: &str) -> Option<OrderReport> {
        let held = self.orders.get(text)?;
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

    fn fills(&self) -> Vec<FillReport> {
        let each = self.orders.values().flat_map(|held| {
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

    fn carry_out(&mut self, operation: &Operation, accept: bool) -> Outcome {
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
            Operation::Order(of) => match self.report(&of.client_id) {
                Some(report) => Outcome::Reply(Reply::Orders(vec![report])),
                None => Outcome::Failure(Failure::NotFound(String::new())),
            },
            Operation::Cancel(of) => match self.orders.get_mut(&of.client_id) {
                Some(held) if held.status == OrderStatus::Open => {
                    held.status = OrderStatus::Cancelled;
                    Outcome::Reply(Reply::Accepted(held.venue_id.clone()))
                }
                _ => Outcome::Failure(Failure::NotFound(String::new())),
            },
            Operation::OrderFills(of) => {
                assert!(!of.venue_id.is_empty());
                let all = self.fills().into_iter();
                Outcome::Reply(Reply::Fills(all.filter(|f| f.venue_id == of.venue_id).collect()))
            }
            other => panic!("the tracker asks for {other:?}"),
        }
    }
}

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug)]
enum Fault {
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

fn faults() -> impl Strategy<Value = Fault> {
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
enum Step {
    Fill(usize, i64),
    /// Tell the stream of this order, so many times.
    Tell(usize, u8),
    TellFills(u8),
    Cancel(usize),
    Restart,
    Wait(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0usize..4, 1i64..6).prop_map(|(o, s)| Step::Fill(o, s)),
        (0usize..4, 0u8..3).prop_map(|(o, n)| Step::Tell(o, n)),
        (0u8..3).prop_map(Step::TellFills),
        (0usize..4).prop_map(Step::Cancel),
        Just(Step::Restart),
        (0u16..900).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..24)
}

struct Run {
    tracker: Tracker,
    model: Model,
    now: TsNs,
    heard: Vec<OrderEvent>,
    faults: Vec<Fault>,
    orders: Vec<Order>,
    cancels: BTreeMap<ClientId, Reason>,
}

impl Run {
    fn new(orders: usize, faults: Vec<Fault>) -> Self {
        let mut run = Self {
            tracker: Tracker::new(vec![instrument(0)], &[true], SETTLE_MS),
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
    fn act(&mut self) {
        let mut due = Vec::new();
        self.tracker.due(self.now, &mut due);
        for (id, operation) in due {
            let fault = self.faults.pop().unwrap_or(Fault::None);
            let outcome = match fault {
                Fault::None => self.model.carry_out(&operation, true),
                Fault::Rejected => self.model.carry_out(&operation, false),
                Fault::Unsent => Outcome::Unsent,
                Fault::LostBefore => Outcome::Lost,
                Fault::LostAfter => {
                    self.model.carry_out(&operation, true);
                    Outcome::Lost
                }
                Fault::Garbled => {
                    self.model.carry_out(&operation, true);
                    Outcome::Failure(Failure::Malformed(String::new()))
                }
                Fault::Unavailable => Outcome::Failure(Failure::Unavailable(String::new())),
                Fault::Limited => Outcome::Failure(Failure::RateLimited(30)),
            };
            self.tracker.settle(id, &operation, outcome, self.now, &mut self.heard);
        }
    }

    fn step(&mut self, step: &Step) {
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
                let report = text.and_then(|text| self.model.report(&text));
                for report in report.iter().cycle().take(usize::from(*times)) {
                    self.tracker.report(report, self.now, &mut self.heard);
                }
            }
            Step::TellFills(times) => {
                for fill in self
                    .model
                    .fills()
                    .iter()
                    .rev()
                    .cycle()
                    .take(usize::from(*times) * self.model.fills().len())
                {
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
    fn restart(&mut self) {
        let mut tracker = Tracker::new(vec![instrument(0)], &[true], SETTLE_MS);
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
    fn rest(&mut self) {
        self.faults.clear();
        for _ in 0..200 {
            self.now += 1_000 * MS;
            self.act();
        }
    }
}

fn text(id: ClientId) -> String {
    format!("w{}x{}", id.slot, id.intent)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_is_lost_doubled_or_late_the_slot_ends_with_the_venues_truth(
        orders in 1usize..4,
        faults in prop::collection::vec(faults(), 0..16),
        steps in steps(),
    ) {
        let mut run = Run::new(orders, faults);
        run.act();
        steps.iter().for_each(|step| run.step(step));
        run.rest();
        for order in &run.orders {
            let news: Vec<_> = run.heard.iter().filter(|event| event.id == order.id).collect();
            let filled: i64 = news.iter().map(|event| event.last_size).sum();
            let last = news.last().map(|event| event.status);
            match run.model.orders.get(&text(order.id)) {
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
        prop_assert!(run.model.taken.values().all(|times| *times == 1), "an order was sent twice");
    }
}

#[test]
fn an_order_whose_answer_is_lost_is_unknown_until_the_venue_says_what_it_has() {
    let mut run = Run::new(1, vec![Fault::LostAfter]);
    run.act();
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Unknown));
    run.act();
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Open));
}

#[test]
fn an_order_that_never_arrived_is_given_up_only_after_its_window_and_two_denials() {
    let mut run = Run::new(1, vec![Fault::LostBefore]);
    for _ in 0..10 {
        run.act();
        assert_ne!(run.heard.last().map(|event| event.status), Some(Status::Rejected));
        run.now += SETTLE_MS * MS / 10 - 1;
    }
    run.now = SETTLE_MS * MS;
    run.act();
    run.now += 10_000 * MS;
    run.act();
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Rejected));
    assert!(run.model.taken.is_empty());
}

#[test]
fn what_was_surely_not_processed_is_sent_again_under_the_same_id_and_not_for_ever() {
    let mut run = Run::new(1, vec![Fault::Unavailable]);
    run.act();
    run.now += 1_000 * MS;
    run.act();
    assert_eq!(run.model.taken.get("w1x1"), Some(&1));
    let mut run = Run::new(1, vec![Fault::Unsent; 16]);
    for _ in 0..16 {
        run.act();
        run.now += 1_000 * MS;
    }
    let last = run.heard.last().unwrap();
    assert_eq!((last.status, last.reason), (Status::Rejected, Reason::Host));
    assert_eq!(run.tracker.len(), 0);
}

#[test]
fn text_ids_of_fills_have_stable_numbers() {
    assert_eq!(trade_number("42"), 42);
    assert_eq!(trade_number(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(trade_number("a"), 0xaf63_dc4c_8601_ec8c);
}

#[test]
fn reduce_only_is_passed_on_where_one_slot_alone_trades_a_derivative() {
    for (product, sole, want) in [
        (Product::Perpetual, true, true),
        (Product::Perpetual, false, false),
        (Product::Spot, true, false),
        (Product::Spot, false, false),
    ] {
        let instrument = Instrument { product, ..instrument(0) };
        let mut tracker = Tracker::new(vec![instrument], &[sole], SETTLE_MS);
        let mut order = order(1, 10);
        order.request.reduce_only = true;
        tracker.send(order, text(order.id), 0);
        let mut due = Vec::new();
        tracker.due(0, &mut due);
        let Some((_, Operation::Create(new))) = due.pop() else { panic!("it is not sent") };
        assert_eq!(new.reduce_only, want, "{product:?}, alone: {sole}");
    }
}

#[test]
fn a_venue_that_says_it_was_asked_for_means_whoever_asked() {
    for (asked, want) in [
        (Some(Reason::Host), Reason::Host),
        (Some(Reason::Requested), Reason::Requested),
        // Somebody else with the same account.
        (None, Reason::Requested),
    ] {
        let mut run = Run::new(1, Vec::new());
        run.act();
        let order = run.orders[0];
        if let Some(asked) = asked {
            run.tracker.cancel(order.id, asked, run.now);
        }
        let report = run.model.report(&text(order.id)).unwrap();
        let (status, reason) = (OrderStatus::Cancelled, nouns::OrderReason::Requested);
        let report = OrderReport { status, reason, ..report };
        run.tracker.report(&report, run.now, &mut run.heard);
        assert_eq!(run.heard.last().map(|event| event.reason), Some(want));
    }
}
