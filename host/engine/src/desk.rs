//! The desk: the one thread that makes orders durable.
//!
//! Comes in: what lanes committed and what the paper venue did, in bounded rings. Goes out: commits
//! to the journal and the venue's ledger, and a counter per lane of how much is durable. An order is
//! sent only once its intent is; a lane looks at the counter before it lets one arrive. Deliberately
//! absent: decisions.
//!
//! Everything that waits together is one commit: under load the price of an fsync is shared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wickd_model::{Adjustment, ClientId, Digest, Order, OrderEvent, Reason, TsNs};
use wickd_store::{Journal, Ledger, Provenance, Record, StoreError, VenueRecord};

use crate::io::FillEars;
use crate::venue::Input;

/// What a lane may have under way: more than a second of the busiest slot's orders.
pub(crate) const OUTBOX_ENTRIES: usize = 4096;
/// Entries of one commit.
const COMMIT_ENTRIES_MAX: usize = 1024;
/// How long the desk sleeps without work; a lane wakes it sooner.
const IDLE: Duration = Duration::from_millis(20);

/// How long a lane rests when the desk is full.
const FULL_RING_PAUSE: Duration = Duration::from_micros(100);

/// One thing to be made durable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outbound {
    /// An order about to be sent.
    Intent(Order, Provenance),
    /// A cancel about to be sent.
    Cancel { id: ClientId, reason: Reason, ts_event: TsNs, seq: u64 },
    /// The paper venue's own record.
    Venue(VenueRecord),
    /// What the venue said to us.
    Event(OrderEvent),
    /// A position that changed without an order.
    Adjust(Adjustment),
}

/// How far the desk is with one lane.
#[derive(Default)]
pub(crate) struct Durable {
    entries: AtomicU64,
    failed: AtomicBool,
    asleep: AtomicBool,
}

/// A lane's end of the desk.
pub(crate) struct Outbox {
    ring: rtrb::Producer<Outbound>,
    sent: u64,
    state: Arc<Durable>,
    desk: Option<Thread>,
}

impl Outbox {
    /// Hands an entry over. Waits while the ring is full: an order must not be lost, and a lane that
    /// is this far ahead of its disk has nothing better to do.
    pub(crate) fn push(&mut self, entry: Outbound) {
        let mut entry = entry;
        while let Err(rtrb::PushError::Full(back)) = self.ring.push(entry) {
            if self.failed() {
                return;
            }
            entry = back;
            self.wake();
            std::thread::park_timeout(FULL_RING_PAUSE);
        }
        self.sent += 1;
        self.wake();
    }

    /// Waits until everything handed over is durable. False where it never will be.
    pub(crate) fn settle(&mut self) -> bool {
        let mut spins = 0u32;
        while self.state.entries.load(Ordering::Acquire) < self.sent {
            if self.failed() {
                return false;
            }
            self.wake();
            spins += 1;
            if spins < 64 {
                std::hint::spin_loop();
            } else {
                std::thread::park_timeout(Duration::from_micros(100));
            }
        }
        !self.failed()
    }

    /// The journal takes nothing any more.
    #[inline]
    pub(crate) fn failed(&self) -> bool {
        self.state.failed.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        if self.state.asleep.load(Ordering::Acquire)
            && let Some(desk) = &self.desk
        {
            desk.unpark();
        }
    }
}

/// The intents of each slot as one hash: equal decisions have equal hashes.
pub type IntentHashes = BTreeMap<u32, (u64, Digest)>;

/// The desk's thread and its results.
pub(crate) struct Desk {
    thread: Option<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    hashes: Arc<Mutex<IntentHashes>>,
    error: Arc<Mutex<Option<StoreError>>>,
}

impl Desk {
    /// Starts the desk with one outbox per lane.
    pub(crate) fn start(
        journal: Option<Arc<Journal>>,
        ledger: Option<Arc<Ledger>>,
        lanes: usize,
        stream: u32,
        venues: Routes,
        fills: FillEars,
    ) -> std::io::Result<(Self, Vec<Outbox>)> {
        let stop = Arc::new(AtomicBool::new(false));
        let hashes = Arc::new(Mutex::new(IntentHashes::new()));
        let error = Arc::new(Mutex::new(None));
        let (mut outboxes, mut inboxes) = (Vec::new(), Vec::new());
        for _ in 0..lanes {
            let (producer, consumer) = rtrb::RingBuffer::new(OUTBOX_ENTRIES);
            let state = Arc::new(Durable::default());
            // Without a disk nothing can be durable, so nothing may be sent.
            state.failed.store(journal.is_none() || ledger.is_none(), Ordering::Relaxed);
            inboxes.push(Inbox { ring: consumer, state: state.clone() });
            outboxes.push(Outbox { ring: producer, sent: 0, state: state.clone(), desk: None });
        }
        let work = Work {
            journal,
            ledger,
            stream,
            inboxes,
            chains: BTreeMap::new(),
            hashes: hashes.clone(),
            error: error.clone(),
            venues,
            fills,
            leaving: VecDeque::new(),
        };
        let seen = stop.clone();
        let thread =
            std::thread::Builder::new().name("desk".into()).spawn(move || work.run(&seen))?;
        for outbox in &mut outboxes {
            outbox.desk = Some(thread.thread().clone());
        }
        Ok((Self { thread: Some(thread), stop, hashes, error }, outboxes))
    }

    /// Its thread, until it is stopped.
    pub(crate) fn thread(&self) -> Option<&std::thread::JoinHandle<()>> {
        self.thread.as_ref()
    }

    /// The hashes so far.
    pub(crate) fn hashes(&self) -> IntentHashes {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the journal takes nothing any more; told once.
    pub(crate) fn take_error(&self) -> Option<StoreError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Writes what is left and ends the thread.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A desk that panicked has blocked all orders; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}

struct Inbox {
    ring: rtrb::Consumer<Outbound>,
    state: Arc<Durable>,
}

struct Work {
    journal: Option<Arc<Journal>>,
    ledger: Option<Arc<Ledger>>,
    stream: u32,
    inboxes: Vec<Inbox>,
    chains: BTreeMap<u32, (u64, Sha256)>,
    hashes: Arc<Mutex<IntentHashes>>,
    error: Arc<Mutex<Option<StoreError>>>,
    venues: Routes,
    fills: FillEars,
    /// Durable, and not with their venue yet because it has its hands full. Bounded by the open orders
    /// of all slots: a slot gets no further before it hears of these.
    leaving: VecDeque<(usize, Input)>,
}

/// Which orders leave for which venue once they are durable; the others are traded on paper.
#[derive(Default)]
pub(crate) struct Routes {
    /// The ears of the venues that trade.
    pub(crate) venues: Vec<SyncSender<Input>>,
    /// By instrument: which of them.
    pub(crate) by_instrument: Vec<Option<usize>>,
}

/// One commit's worth, in the order of truth: what we decided, what the venue did, what we heard.
#[derive(Default)]
struct Commit {
    intents: Vec<Record>,
    venue: Vec<VenueRecord>,
    events: Vec<Record>,
    /// Latest market event in it, for the venue's cursor.
    cursor: u64,
}

impl Work {
    fn run(mut self, stop: &AtomicBool) {
        loop {
            let last_round = stop.load(Ordering::Acquire);
            let mut worked = false;
            for place in 0..self.inboxes.len() {
                worked |= self.serve(place);
            }
            self.send_out();
            match (worked, last_round) {
                (true, _) => {}
                (false, true) => return,
                (false, false) => self.sleep(),
            }
        }
    }

    fn sleep(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.state.asleep.store(true, Ordering::Release));
        // A push between the last look and the flag is seen here.
        if self.inboxes.iter().all(|inbox| inbox.ring.is_empty()) {
            std::thread::park_timeout(IDLE);
        }
        self.inboxes.iter().for_each(|inbox| inbox.state.asleep.store(false, Ordering::Release));
    }

    fn serve(&mut self, place: usize) -> bool {
        let mut commit = Commit::default();
        let mut count = 0;
        while count < COMMIT_ENTRIES_MAX as u64
            && let Ok(entry) = self.inboxes[place].ring.pop()
        {
            count += 1;
            self.sort(entry, &mut commit);
        }
        if count == 0 {
            return false;
        }
        let inbox = &self.inboxes[place];
        if inbox.state.failed.load(Ordering::Relaxed) {
            return true;
        }
        match self.write(&commit) {
            Ok(()) => {
                inbox.state.entries.fetch_add(count, Ordering::Release);
                self.hand_over(&commit);
                commit.events.iter().for_each(|record| self.fills.hear(record));
                self.publish();
            }
            Err(error) => {
                // Nothing may be sent that is not written, so all lanes stop sending for good.
                self.inboxes
                    .iter()
                    .for_each(|inbox| inbox.state.failed.store(true, Ordering::Release));
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
        true
    }

    fn sort(&mut self, entry: Outbound, commit: &mut Commit) {
        match entry {
            Outbound::Intent(order, by) => {
                self.chain(order.id.slot, &order_words(&order));
                commit.intents.push(Record::Intent { order, by });
            }
            Outbound::Cancel { id, reason, ts_event, seq } => {
                self.chain(id.slot, &[u64::MAX, id.intent, reason as u64, ts_event, seq]);
                commit.intents.push(Record::Cancel { id, reason, ts_event, seq });
            }
            Outbound::Venue(record) => {
                if let VenueRecord::Event(event) = &record {
                    commit.cursor = commit.cursor.max(event.at.seq);
                }
                commit.venue.push(record);
            }
            Outbound::Event(event) => commit.events.push(Record::Event(event)),
            Outbound::Adjust(adjustment) => commit.events.push(Record::Adjusted(adjustment)),
        }
    }

    fn write(&self, commit: &Commit) -> Result<(), StoreError> {
        let (Some(journal), Some(ledger)) = (&self.journal, &self.ledger) else { return Ok(()) };
        if !commit.intents.is_empty() {
            journal.append(&commit.intents)?;
        }
        if !commit.venue.is_empty() {
            ledger.append(&commit.venue, self.stream, commit.cursor)?;
        }
        if !commit.events.is_empty() {
            journal.append(&commit.events)?;
        }
        Ok(())
    }

    /// What is durable now may leave. Nothing here waits: a venue that is behind must not hold up the
    /// lanes it waits for.
    fn hand_over(&mut self, commit: &Commit) {
        if self.venues.venues.is_empty() {
            return;
        }
        for record in &commit.intents {
            match record {
                Record::Intent { order, .. } => {
                    let place = order.request.instrument as usize;
                    if let Some(Some(venue)) = self.venues.by_instrument.get(place) {
                        self.leaving.push_back((*venue, Input::Send(*order)));
                    }
                }
                Record::Cancel { id, reason, .. } => {
                    // Only the venue that has the order knows it.
                    for venue in 0..self.venues.venues.len() {
                        self.leaving.push_back((venue, Input::Cancel(*id, *reason)));
                    }
                }
                _ => {}
            }
        }
        self.send_out();
    }

    fn send_out(&mut self) {
        while let Some((venue, input)) = self.leaving.pop_front() {
            // A venue that has ended takes nothing more; its orders are asked for at the next start.
            if let Err(TrySendError::Full(input)) = self.venues.venues[venue].try_send(input) {
                self.leaving.push_front((venue, input));
                return;
            }
        }
    }

    fn chain(&mut self, slot: u32, words: &[u64]) {
        let (count, chain) = self.chains.entry(slot).or_default();
        *count += 1;
        words.iter().for_each(|word| chain.update(word.to_le_bytes()));
    }

    fn publish(&self) {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, (count, chain)) in &self.chains {
            hashes.insert(*slot, (*count, Digest(chain.clone().finalize().into())));
        }
    }
}

/// Everything about an order that is a decision, and nothing that differs between equal runs.
fn order_words(order: &Order) -> [u64; 11] {
    let request = &order.request;
    let flags = u64::from(request.post_only) | u64::from(request.reduce_only) << 1;
    [
        order.id.intent,
        order.seq,
        order.ts_event,
        u64::from(request.instrument),
        request.side as u64,
        request.kind as u64,
        request.price.cast_unsigned(),
        request.size.cast_unsigned(),
        request.tif as u64,
        flags,
        u64::from(request.tag),
    ]
}
