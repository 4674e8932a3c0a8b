//! The way between slots and the paper venue: each message takes one latency, none overtakes.
//!
//! Comes in: orders, cancels and answers with event times. Goes out: the same, when they are due.
//! Deliberately absent: what they mean to the venue.

use std::collections::VecDeque;

use wickd_model::{ClientId, Order, OrderEvent, Reason, TsNs};

const NS_PER_MS: u64 = 1_000_000;
/// Answers under way per live order, at most. Two are each order's own (first and last); the rest
/// is room for partial fills, which wait while it is full.
pub(super) const ANSWERS_PER_ORDER: usize = 4;

/// What goes to the venue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    Order(Order),
    Cancel(ClientId, Reason),
}

/// What is under way. The queues grow to what is used, and answers never beyond their bound.
#[derive(Clone, Debug)]
pub(super) struct Post {
    latency_ns: u64,
    live_max: usize,
    /// To the venue, with the time of arrival.
    arriving: VecDeque<(TsNs, Message)>,
    /// How many of them are orders.
    orders: usize,
    /// To the slots; `at.ts_init` is the time of arrival.
    answers: VecDeque<OrderEvent>,
}

impl Post {
    pub(super) fn new(latency_ms: u32, live_orders_max: u32) -> Self {
        Self {
            latency_ns: u64::from(latency_ms) * NS_PER_MS,
            live_max: live_orders_max as usize,
            arriving: VecDeque::new(),
            orders: 0,
            answers: VecDeque::new(),
        }
    }

    /// When something sent at `now` is there.
    pub(super) fn due(&self, now: TsNs) -> TsNs {
        now.saturating_add(self.latency_ns)
    }

    /// Whether one more order fits beside the `resting` ones, with room for all its own answers.
    pub(super) fn fits_order(&self, resting: usize) -> bool {
        self.orders + resting < self.live_max
            && self.answers.len() + self.reserved(resting) + 2 <= self.live_max * ANSWERS_PER_ORDER
    }

    /// Whether one more partial fill can be told without taking the room of a last answer.
    pub(super) fn fits_partial(&self, resting: usize) -> bool {
        self.answers.len() + self.reserved(resting) < self.live_max * ANSWERS_PER_ORDER
    }

    /// Answers that live orders still need: a first and a last before arrival, a last after.
    fn reserved(&self, resting: usize) -> usize {
        2 * self.orders + resting
    }

    pub(super) fn send(&mut self, message: Message, now: TsNs) {
        // What was sent later never overtakes, even if the caller's clock fell back.
        let due = self.due(now);
        let due = self.arriving.back().map_or(due, |(last, _)| due.max(*last));
        self.orders += usize::from(matches!(message, Message::Order(_)));
        self.arriving.push_back((due, message));
    }

    /// The next message that reached the venue by `ts`, and when it did.
    pub(super) fn receive(&mut self, ts: TsNs) -> Option<(TsNs, Message)> {
        let (due, message) = self.arriving.pop_front_if(|(due, _)| *due <= ts)?;
        self.orders -= usize::from(matches!(message, Message::Order(_)));
        Some((due, message))
    }

    pub(super) fn answer(&mut self, event: OrderEvent) {
        self.answers.push_back(event);
    }

    /// The next answer that reached its slot by `ts`.
    pub(super) fn deliver(&mut self, ts: TsNs) -> Option<OrderEvent> {
        self.answers.pop_front_if(|event| event.at.ts_init <= ts)
    }

    /// When the next message arrives, either way.
    pub(super) fn next_due(&self) -> Option<TsNs> {
        let arrival = self.arriving.front().map(|(due, _)| *due);
        let answer = self.answers.front().map(|event| event.at.ts_init);
        arrival.into_iter().chain(answer).min()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.arriving.capacity(), self.answers.capacity())
    }

    #[cfg(test)]
    pub(super) fn answers_len(&self) -> usize {
        self.answers.len()
    }
}
