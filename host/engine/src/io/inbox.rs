//! What waits for a utility, and the ears that put it there.
//!
//! Comes in: whatever happens, on the thread where it happens. Goes out: happenings, one by one, the
//! oldest first. Putting never waits longer than it takes to move one: when the inbox is full the
//! oldest is dropped and counted, for what is new matters more to whoever watches. Deliberately absent:
//! any knowledge of who takes them out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use wickd_model::{Event, Instrument, SlotName};
use wickd_sandbox::io::{Happening, Notice as Heard, Severity as Level};
use wickd_store::Record;

use super::{Hears, UtilityPlan};
use crate::events::{Notice, Severity, Subscriber};
use crate::market::BarBuilder;

/// One utility's inbox.
pub(crate) struct Inbox {
    name: SlotName,
    pub(crate) hears: Hears,
    max: usize,
    waiting: Mutex<VecDeque<Happening>>,
    bell: Notify,
    dropped: AtomicU64,
}

impl Inbox {
    pub(crate) fn new(plan: &UtilityPlan) -> Self {
        Self {
            name: plan.post.name.clone(),
            hears: plan.hears.clone(),
            max: plan.queue_max.max(1),
            waiting: Mutex::default(),
            bell: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }

    fn put(&self, happening: Happening) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.max {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(happening);
        drop(waiting);
        self.bell.notify_one();
    }

    /// The next one, when there is one.
    pub(crate) async fn take(&self) -> Happening {
        loop {
            if let Some(happening) = self.try_take() {
                return happening;
            }
            self.bell.notified().await;
        }
    }

    pub(crate) fn try_take(&self) -> Option<Happening> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// What was never taken out, with what still waits.
    pub(crate) fn dropped(&self) -> u64 {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.dropped.load(Ordering::Relaxed) + waiting as u64
    }
}

impl Subscriber for Inbox {
    /// Puts a notice in, where it is to be heard. What is about the utility itself it does not hear: a
    /// webhook that is denied would be told of it through the same webhook, for ever.
    fn receive(&self, notice: &Arc<Notice>) {
        let own = notice.slot.as_deref() == Some(self.name.as_str());
        if own || self.hears.notices.is_none_or(|least| notice.severity < least) {
            return;
        }
        let text = |of: &Option<String>| of.clone().unwrap_or_default();
        self.put(Happening::Notice(Heard {
            at: notice.at_ns,
            code: notice.code.to_owned(),
            severity: match notice.severity {
                Severity::Debug | Severity::Info => Level::Info,
                Severity::Warn => Level::Warn,
                Severity::Error => Level::Error,
            },
            slot: text(&notice.slot),
            plugin: text(&notice.plugin),
            digest: notice.digest.map(|digest| digest.to_string()).unwrap_or_default(),
            place: text(&notice.place),
            text: notice.text.clone(),
            fix: text(&notice.fix),
        }));
    }
}

/// The desk's end: fills that are durable.
#[derive(Default)]
pub(crate) struct FillEars {
    inboxes: Vec<Arc<Inbox>>,
    slots: Arc<BTreeMap<u32, SlotName>>,
}

impl FillEars {
    pub(crate) fn new(inboxes: Vec<Arc<Inbox>>, slots: Arc<BTreeMap<u32, SlotName>>) -> Self {
        Self { inboxes, slots }
    }

    pub(crate) fn hear(&self, record: &Record) {
        let Record::Event(event) = record else { return };
        if event.last_size == 0 {
            return;
        }
        for inbox in &self.inboxes {
            let slot = self.slots.get(&event.id.slot).map(ToString::to_string);
            inbox.put(Happening::Fill { slot: slot.unwrap_or_default(), event: *event });
        }
    }
}

/// The pump's end: bars of its own making, for a lane's are the lane's.
pub(crate) struct BarEars(Vec<(BarBuilder, Arc<Inbox>)>);

impl BarEars {
    pub(crate) fn new(inboxes: &[Arc<Inbox>], instruments: &[Instrument]) -> Self {
        let mut all = Vec::new();
        for inbox in inboxes {
            for secs in &inbox.hears.bars {
                let builders = instruments.iter().filter_map(|of| BarBuilder::new(of.id, *secs));
                all.extend(builders.map(|builder| (builder, inbox.clone())));
            }
        }
        Self(all)
    }

    #[inline]
    pub(crate) fn hear(&mut self, event: &Event) {
        for (builder, inbox) in &mut self.0 {
            let before = builder.hear(event);
            for bar in before.into_iter().chain(builder.whole(event.at().ts_event)) {
                inbox.put(Happening::Bar(bar));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Post;
    use wickd_model::Level as Line;

    use super::*;
    use crate::events::{During, Event};
    use crate::plan::RestartPlan;

    fn inbox(hears: Hears, queue_max: usize) -> Inbox {
        let post = Post {
            name: "alerts".parse().unwrap(),
            plugin: "alert-webhook".parse().unwrap(),
            range: semver::VersionReq::STAR,
            settings: Vec::new(),
            accept: Default::default(),
            limits: Default::default(),
            network: Default::default(),
            restart: RestartPlan::default(),
        };
        let plan = UtilityPlan { post, hears, queue_max };
        Inbox::new(&plan)
    }

    fn line(level: Line, text: &str) -> Notice {
        Notice::of(Event::Log { level, text: text.to_owned(), during: During::Live })
    }

    fn told(level: Line, text: &str) -> Arc<Notice> {
        Arc::new(line(level, text))
    }

    fn texts(inbox: &Inbox) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(Happening::Notice(notice)) = inbox.try_take() {
            texts.push(notice.text);
        }
        texts
    }

    #[test]
    fn a_full_inbox_drops_the_oldest_and_counts_it() {
        let inbox = inbox(Hears { notices: Some(Severity::Info), ..Hears::default() }, 2);
        for code in ["one", "two", "three", "four"] {
            inbox.receive(&told(Line::Info, code));
        }
        assert_eq!(inbox.dropped(), 4, "two dropped, two waiting");
        assert_eq!(texts(&inbox), ["three", "four"]);
        assert_eq!(inbox.dropped(), 2);
    }

    #[test]
    fn it_hears_what_is_grave_enough_and_nothing_about_itself() {
        let inbox = inbox(Hears { notices: Some(Severity::Warn), ..Hears::default() }, 9);
        inbox.receive(&told(Line::Info, "light"));
        inbox.receive(&Arc::new(line(Line::Warn, "own").slot("alerts")));
        inbox.receive(&Arc::new(line(Line::Warn, "other").slot("trader")));
        inbox.receive(&told(Line::Error, "grave"));
        assert_eq!(texts(&inbox), ["other", "grave"]);
    }
}
