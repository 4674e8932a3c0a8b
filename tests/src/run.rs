//! A whole house in a temporary folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use wickd_engine::events::Subscription;
use wickd_engine::lane::{OnFailure, Trial};
use wickd_engine::market::{
    FeedKind, FeedPlan, FloatNoise, OnBrokenRow, ReplayPlan, Speed, SyntheticPlan, TimeUnit,
};
use wickd_engine::{
    Credentials, Edges, House, Notice, PaperConfig, Plan, RestartPlan, SlotPlan, SlotShow, Summary,
    verify,
};
use wickd_model::{Digest, Instrument, Limits, LossStops, Product, Risk};
use wickd_policy::acceptance::Accept;
use wickd_policy::params::Setting;
use wickd_store::Folder;

use crate::component_bytes;

/// How long anything may take before a test gives up on it: two busy cores and an unoptimised
/// compiler need room.
const DEADLINE: Duration = Duration::from_secs(300);

/// The instrument of these tests.
pub fn btc_usdt() -> Instrument {
    Instrument {
        id: 0,
        epoch: 0,
        venue: "paper".into(),
        symbol: "BTC-USDT".into(),
        product: Product::Spot,
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        size_scale: 6,
        price_step: 1,
        qty_step: 1,
        min_qty: 10,
        min_notional: 0,
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 1_000,
    }
}

/// A seeded feed of so many events at a rate.
pub fn synthetic(ticks_per_s: u32, count: Option<u64>) -> FeedPlan {
    let plan = SyntheticPlan {
        instruments: vec![btc_usdt()],
        ticks_per_s,
        seed: 42,
        count,
        starts_at: 1_600_000_000_000_000_000,
    };
    let (name, kind) = ("walk".into(), FeedKind::Synthetic(plan));
    FeedPlan { name, kind, stale_after_ms: 60_000 }
}

/// Recorded quotes and trades of 46 seconds.
pub fn recorded() -> FeedPlan {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let files = ["binance-btcusdt-quotes-2021-01-08.csv", "binance-btcusdt-trades-2021-01-08.csv"];
    let plan = ReplayPlan {
        files: files.iter().map(|file| data.join(file)).collect(),
        instrument: btc_usdt(),
        bar_secs: 60,
        looped: false,
        on_broken_row: OnBrokenRow::Stop,
        float_noise: FloatNoise::Round,
        time_unit: TimeUnit::Ns,
        starts_at: None,
    };
    FeedPlan { name: "recorded".into(), kind: FeedKind::Replay(plan), stale_after_ms: 60_000 }
}

/// A slot of `plugin` called `name`, tried quickly and restarted at once.
pub fn slot(name: &str, plugin: &str, settings: &[(&str, &str)]) -> SlotPlan {
    let setting = |(key, value): &(&str, &str)| Setting {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        key_place: Default::default(),
        value_place: Default::default(),
    };
    SlotPlan {
        name: name.parse().expect("a slot name"),
        plugin: plugin.parse().expect("a plugin name"),
        range: semver::VersionReq::STAR,
        instruments: vec![0],
        holds: Vec::new(),
        retired: false,
        settings: settings.iter().map(setting).collect(),
        accept: Accept::Any,
        limits: Default::default(),
        risk: Risk::default(),
        on_failure: OnFailure::Cancel,
        restart: RestartPlan {
            restarts_max: 3,
            window_ms: 60_000,
            backoff_ms: 1,
            backoff_max_ms: 10,
        },
        trial: Trial { shadow_events: 8, probation_events: 8, agree: false },
        state: Default::default(),
        snapshot_every_ms: 20,
        config: Digest([7; 32]),
    }
}

/// What a run is made of, until it starts.
pub struct Stage {
    dir: PathBuf,
    // Removes the folder when the stage is struck.
    _temporary: Option<tempfile::TempDir>,
    /// What the house will be told to run.
    pub plan: Plan,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// Empty folders, no feed, no slot, as fast as possible.
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let stage = Self::at(temporary.path());
        Self { _temporary: Some(temporary), ..stage }
    }

    /// The same in a folder that stays.
    pub fn at(dir: &Path) -> Self {
        let plugins = dir.join("plugins");
        std::fs::create_dir_all(&plugins).expect("a folder for plugins");
        let plan = Plan {
            state_dir: dir.join("state"),
            disk_free_min: 0,
            degraded: false,
            folders: vec![plugins],
            settle_ms: 1,
            rescan_ms: 200,
            lanes: 1,
            reader: None,
            instruments: vec![btc_usdt()],
            configured: [0].into(),
            retired: OnFailure::Keep,
            feeds: Vec::new(),
            plugin_feeds: Vec::new(),
            venues: Vec::new(),
            credentials: Credentials::None,
            speed: Speed::Max,
            paper: PaperConfig::default(),
            paper_losses: LossStops::default(),
            slots: Vec::new(),
            utilities: Vec::new(),
            limits: Limits::default(),
        };
        Self { dir: dir.to_owned(), _temporary: None, plan }
    }

    /// Puts a guest into the watched folder.
    pub fn drop_guest(&self, name: &str) -> PathBuf {
        self.drop_bytes(&format!("{name}.wasm"), &component_bytes(name))
    }

    /// Puts any bytes there, whole at once, as an operator should.
    pub fn drop_bytes(&self, file: &str, bytes: &[u8]) -> PathBuf {
        let path = self.plan.folders[0].join(file);
        let beside = self.dir.join(format!("{file}.new"));
        std::fs::write(&beside, bytes).expect("the temporary folder takes a file");
        std::fs::rename(&beside, &path).expect("the file can be moved");
        path
    }

    /// The folder of it all.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the house.
    pub fn start(self) -> Run {
        self.start_within(Edges::system())
    }

    /// Starts it within edges of the test's own.
    pub fn start_within(self, edges: Edges) -> Run {
        let (house, heard) = House::start(self.plan.clone(), edges)
            .unwrap_or_else(|error| panic!("the house does not start: {error:?}"));
        Run { stage: Some(self), house: Some(house), heard, notices: Vec::new() }
    }

    /// What a closed house's journal and venue disagree about, and ids given twice.
    pub fn verify(&self) -> Vec<String> {
        let folder = Folder::open(&self.plan.state_dir).expect("the state folder is free");
        let journal = folder.journal().expect("the journal opens");
        let ledger = folder.ledger().expect("the ledger opens");
        let found = verify(&journal, &ledger).expect("both can be read");
        [found.contradictions, found.unsettled].concat()
    }

    /// What an `auditor` had in its last saved state.
    pub fn audit(&self, slot: &str) -> Audit {
        let folder = Folder::open(&self.plan.state_dir).expect("the state folder is free");
        let snapshots = folder.snapshots().expect("the snapshots open");
        let found = snapshots.latest(&slot.parse().expect("a slot name")).expect("it can be read");
        Audit::read(&found.snapshot.expect("the slot saved its state").bytes)
    }
}

/// An auditor's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the guest's")]
pub struct Audit {
    pub last_seq: u64,
    pub last_ts: u64,
    pub events: u64,
    pub gaps: u64,
    pub doubles: u64,
    pub reorders: u64,
    pub missed: u64,
    pub checksum: u64,
}

impl Audit {
    /// Behind the layout's fingerprint, eight LEB128 numbers in the order of the fields.
    fn read(state: &[u8]) -> Self {
        let mut bytes = state[8..].iter();
        let mut next = || {
            let (mut value, mut shift) = (0_u64, 0);
            for byte in bytes.by_ref() {
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            value
        };
        Self {
            last_seq: next(),
            last_ts: next(),
            events: next(),
            gaps: next(),
            doubles: next(),
            reorders: next(),
            missed: next(),
            checksum: next(),
        }
    }

    /// Nothing lost, doubled or out of order.
    pub fn is_clean(&self) -> bool {
        let faults = [self.gaps, self.doubles, self.reorders, self.missed];
        faults == [0; 4] && self.last_seq == self.events
    }
}

/// A running house and everything it has said.
pub struct Run {
    stage: Option<Stage>,
    house: Option<House>,
    heard: Subscription,
    /// Every notice so far.
    pub notices: Vec<Arc<Notice>>,
}

impl Run {
    /// The house.
    pub fn house(&self) -> &House {
        self.house.as_ref().expect("it runs until it is ended")
    }

    /// Its folders.
    pub fn stage(&self) -> &Stage {
        self.stage.as_ref().expect("it is there until the end")
    }

    /// One slot.
    pub fn slot(&self, name: &str) -> &SlotShow {
        let found = self.house().slots.iter().find(|slot| slot.name.as_str() == name);
        found.expect("the slot was planned")
    }

    /// Waits for a notice that fits among those from number `from` on; gives its number.
    pub fn wait_from(&mut self, from: usize, what: &str, fits: impl Fn(&Notice) -> bool) -> usize {
        let started = Instant::now();
        let mut next = from;
        loop {
            while next < self.notices.len() {
                if fits(&self.notices[next]) {
                    return next;
                }
                next += 1;
            }
            let left = DEADLINE.saturating_sub(started.elapsed());
            match self.heard.recv_timeout(left) {
                Ok(notice) => self.notices.push(notice),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.give_up(what)
                }
            }
        }
    }

    /// Waits for a notice of this code about this slot; gives it.
    pub fn wait(&mut self, slot: &str, code: &str) -> Arc<Notice> {
        let what = format!("`{code}` of {slot}");
        let number = self
            .wait_from(0, &what, |said| said.code == code && said.slot.as_deref() == Some(slot));
        self.notices[number].clone()
    }

    /// Waits until the house shows what is hoped for.
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&House) -> bool) {
        let started = Instant::now();
        while !holds(self.house()) {
            if started.elapsed() > DEADLINE {
                self.give_up(what);
            }
            // Waiting for a notice is what lets the house work; any will do.
            if let Ok(notice) = self.heard.recv_timeout(Duration::from_millis(2)) {
                self.notices.push(notice);
            }
        }
    }

    /// Waits until the feeds are over and everything is written; sums up.
    pub fn until_over(mut self) -> (Stage, Summary, Vec<Arc<Notice>>) {
        self.wait_until("the end of the feeds", House::is_over);
        self.end()
    }

    /// Ends it now; sums up.
    pub fn end(mut self) -> (Stage, Summary, Vec<Arc<Notice>>) {
        let house = self.house.take().expect("it runs until it is ended");
        let summary = house.end();
        self.notices.extend(self.heard.try_iter());
        let stage = self.stage.take().expect("it is there until the end");
        (stage, summary, std::mem::take(&mut self.notices))
    }

    fn give_up(&self, what: &str) -> ! {
        panic!("waited in vain for {what}");
    }

    fn story(&self, house: &House) -> String {
        let last = self.notices.iter().rev().take(30).rev();
        let said = last.map(|said| format!("{} {:?}: {}", said.code, said.slot, said.text));
        let standing =
            house.slots.iter().map(|slot| format!("{}: {:?}", slot.name, slot.standing()));
        said.chain(standing).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Run {
    /// A test that fails tells what the house said last, and leaves no house behind.
    fn drop(&mut self) {
        let Some(house) = self.house.take() else { return };
        if std::thread::panicking() {
            self.notices.extend(self.heard.try_iter());
            eprintln!("{}", self.story(&house));
        }
        house.end();
    }
}
