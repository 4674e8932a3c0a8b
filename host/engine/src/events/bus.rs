//! From who knows of an event to everyone who wants to.
//!
//! Comes in: notices, on whatever thread they happen. Goes out: the same notice to every subscriber.
//! Publishing never waits: each subscriber has a queue with a bound of its own, and one that reads too
//! slowly loses notices, is told how many, and costs nobody else any.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use wickd_model::LogLine;

use super::{Detail, During, Event, Notice, RunEvent};
use crate::clock::WallClock;
use crate::pump::PumpGauge;

/// A subscriber's end of the queue.
pub type Subscription = Receiver<Arc<Notice>>;

/// Something that takes notices.
pub(crate) trait Subscriber: Send + Sync {
    /// Takes one, at once; what does not fit is the subscriber's own loss, and counted.
    fn receive(&self, notice: &Arc<Notice>);

    /// Whether it will never take one again.
    fn is_closed(&self) -> bool {
        false
    }
}

/// Where notices are published.
#[derive(Clone)]
pub(crate) struct Notices(Arc<Bus>);

struct Bus {
    clock: WallClock,
    /// Where the market is: every notice tells the time of its last event.
    market: Arc<OnceLock<Arc<PumpGauge>>>,
    subscribers: RwLock<Vec<Arc<dyn Subscriber>>>,
}

impl Notices {
    pub(crate) fn new(clock: WallClock, market: Arc<OnceLock<Arc<PumpGauge>>>) -> Self {
        Self(Arc::new(Bus { clock, market, subscribers: RwLock::default() }))
    }

    /// Publishes to nobody's clock but 0, and to one subscriber.
    pub(crate) fn channel() -> (Self, Subscription) {
        let notices = Self::new(WallClock::set_by(Arc::default()), Arc::default());
        let (subscription, _) = notices.subscribe("test", 4096);
        (notices, subscription)
    }

    /// A queue of up to `bound` notices for a subscriber called `name`. The handle ends it.
    pub(crate) fn subscribe(&self, name: &'static str, bound: usize) -> (Subscription, End) {
        let (sender, receiver) = sync_channel(bound);
        let queue = Arc::new(Queue {
            name,
            sender: RwLock::new(Some(sender)),
            lost: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        self.add(queue.clone());
        (receiver, End(queue))
    }

    /// Publishes to this one too from now on.
    pub(crate) fn add(&self, subscriber: Arc<dyn Subscriber>) {
        let mut all = self.0.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| !known.is_closed());
        all.push(subscriber);
    }

    /// Gives the notice its times, and every subscriber the notice.
    pub(crate) fn publish(&self, mut notice: Notice) {
        notice.at_ns = self.0.clock.now_ns();
        if let Some(gauge) = self.0.market.get() {
            notice.event_ns = gauge.ts_event.load(Ordering::Relaxed);
        }
        // What the failed call logged comes first: it is the evidence.
        if let Some(Detail::Fault(fault)) = &notice.detail {
            for LogLine { level, text, .. } in &fault.log {
                let (level, text) = (*level, text.clone());
                let event = Event::Log { level, text, during: During::FailedCall };
                self.deliver(Notice::of(event).about(&notice));
            }
        }
        self.deliver(notice);
    }

    fn deliver(&self, notice: Notice) {
        let notice = Arc::new(notice);
        let all = self.0.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().for_each(|subscriber| subscriber.receive(&notice));
    }
}

/// A bounded queue for a thread that reads.
struct Queue {
    name: &'static str,
    sender: RwLock<Option<SyncSender<Arc<Notice>>>>,
    /// Since the subscriber was last told.
    lost: AtomicU64,
    closed: AtomicBool,
}

impl Subscriber for Queue {
    fn receive(&self, notice: &Arc<Notice>) {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else { return };
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            let mut told = Notice::of(RunEvent::NoticesLost { lost, subscriber: self.name });
            (told.at_ns, told.event_ns) = (notice.at_ns, notice.event_ns);
            if sender.try_send(Arc::new(told)).is_ok() {
                self.lost.fetch_sub(lost, Ordering::Relaxed);
            }
        }
        match sender.try_send(notice.clone()) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(self.lost.fetch_add(1, Ordering::Relaxed)),
            Err(TrySendError::Disconnected(_)) => self.closed.store(true, Ordering::Relaxed),
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Ends a subscription: its reader comes to the end of what was published before.
pub(crate) struct End(Arc<Queue>);

impl End {
    pub(crate) fn end(self) {
        *self.0.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_that_is_slow_loses_its_own_notices_and_is_told_how_many() {
        let notices = Notices::new(WallClock::set_by(Arc::new(7.into())), Arc::default());
        let (slow, _slow) = notices.subscribe("slow", 2);
        let (fast, _fast) = notices.subscribe("fast", 9);
        (0..5).for_each(|_| notices.publish(Notice::of(RunEvent::FeedsOver {})));
        assert_eq!(fast.try_iter().count(), 5);
        assert_eq!(slow.try_iter().count(), 2);
        notices.publish(Notice::of(RunEvent::FeedsOver {}));
        let told: Vec<_> = slow.try_iter().collect();
        let lost = RunEvent::NoticesLost { lost: 3, subscriber: "slow" };
        assert_eq!(told[0].text, Notice::of(lost).text);
        assert_eq!((told.len(), told[1].at_ns), (2, 7));
    }

    #[test]
    fn a_subscription_that_is_ended_reads_what_came_before_and_no_more() {
        let (notices, _first) = Notices::channel();
        let (subscription, end) = notices.subscribe("audit", 9);
        notices.publish(Notice::of(RunEvent::MarketOpen {}));
        end.end();
        notices.publish(Notice::of(RunEvent::FeedsOver {}));
        let read: Vec<_> = subscription.iter().map(|notice| notice.code).collect();
        assert_eq!(read, ["market-open"]);
    }
}
