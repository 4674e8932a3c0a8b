//! What the house is to run: the configuration, resolved and typed, without its syntax.

use std::collections::BTreeSet;
use std::path::PathBuf;

use semver::VersionReq;
use wickd_model::{
    Digest, Instrument, InstrumentId, Limits, LossStops, PluginName, Risk, SlotName,
};
use wickd_policy::LimitsPatch;
use wickd_policy::acceptance::{Accept, SigningKey};
use wickd_policy::params::Setting;

use crate::io::{PluginFeedPlan, UtilityPlan};
use crate::lane::{OnFailure, Trial};
use crate::market::{FeedPlan, Speed};
use crate::orders::PaperConfig;
use crate::venue::VenuePlan;
use crate::wanted::Wanted;

/// Shown in the place of a plugin's name where a slot has none.
const RETIRED: &str = "retired";

/// Everything about one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where journal, ledger, snapshots, audit log, shelf and compile cache live.
    pub state_dir: PathBuf,
    /// Free bytes on its disk below which that is said.
    pub disk_free_min: u64,
    /// Start although journal or ledger take no writes: plugins run, and no order is sent.
    pub degraded: bool,
    /// Watched folders, the first one first in precedence.
    pub folders: Vec<PathBuf>,
    /// How long a file must rest before it is read.
    pub settle_ms: u64,
    /// How often the folders are looked through whatever the watcher says.
    pub rescan_ms: u64,
    /// OS threads that run ticks.
    pub lanes: u32,
    /// The program that reads components in a child process, called with `read-worker`; `None` reads
    /// them inside this process, for benchmarks.
    pub reader: Option<PathBuf>,
    /// What is traded; an instrument's id is its place. Once the journal's numbers are known these are
    /// the places, and those that no line has any more are there too.
    pub instruments: Vec<Instrument>,
    /// Those that a line of the configuration has.
    pub configured: BTreeSet<InstrumentId>,
    /// Where events come from: recordings and walks.
    pub feeds: Vec<FeedPlan>,
    /// Where they come from outside; where there are any, `feeds` are walks, moved to the present.
    pub plugin_feeds: Vec<PluginFeedPlan>,
    /// How fast.
    pub speed: Speed,
    /// Real venues; where there are any, their streams are the market and `feeds` is empty.
    pub venues: Vec<VenuePlan>,
    /// The operator's credential slots.
    pub credentials: Credentials,
    /// The paper venue.
    pub paper: PaperConfig,
    /// Loss stops of all slots that trade on paper, together.
    pub paper_losses: LossStops,
    /// The slots.
    pub slots: Vec<SlotPlan>,
    /// What is done with orders and positions of slots that no line has any more.
    pub retired: OnFailure,
    /// What hears of it all and may call out.
    pub utilities: Vec<UtilityPlan>,
    /// The house's limits, under the sidecar's and the slot's.
    pub limits: Limits,
}

impl Plan {
    /// The plugins that places of the configuration name.
    pub(crate) fn wanted(&self) -> Wanted {
        let slots = self.slots.iter().map(|slot| &slot.plugin);
        let venues = self.venues.iter().map(|venue| &venue.plugin);
        let utilities = self.utilities.iter().map(|utility| &utility.post.plugin);
        let feeds = self.plugin_feeds.iter().map(|feed| &feed.post.plugin);
        Wanted::named(slots.chain(venues).chain(utilities).chain(feeds).cloned().collect())
    }

    /// Every key that may sign for some place.
    pub(crate) fn keys(&self) -> Vec<SigningKey> {
        let slots = self.slots.iter().map(|of| &of.accept);
        let venues = self.venues.iter().map(|of| &of.accept);
        let feeds = self.plugin_feeds.iter().map(|of| &of.post.accept);
        let utilities = self.utilities.iter().map(|of| &of.post.accept);
        let rules = slots.chain(venues).chain(feeds).chain(utilities);
        let keys = rules.filter_map(|accept| match accept {
            Accept::Signed(keys) => Some(keys),
            Accept::Any | Accept::Pinned | Accept::Listed(_) => None,
        });
        keys.flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Plan {
    /// Whether any slot or account has a loss stop.
    pub(crate) fn has_loss_stop(&self) -> bool {
        let venues = self.venues.iter().map(|venue| venue.losses);
        let slots = self.slots.iter().map(|slot| slot.risk.losses);
        venues.chain(slots).chain([self.paper_losses]).any(|losses| losses.is_set())
    }
}

/// Where the keys are. They are read once, at the start, and stay at the edge.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    /// There are none.
    #[default]
    None,
    /// A file that only its owner may read.
    File(PathBuf),
    /// The folder in which systemd hands them over.
    Systemd(PathBuf),
}

/// One configured slot.
#[derive(Clone, Debug)]
pub struct SlotPlan {
    /// Its name.
    pub name: SlotName,
    /// The plugin.
    pub plugin: PluginName,
    /// Which versions of it.
    pub range: VersionReq,
    /// What it trades.
    pub instruments: Vec<InstrumentId>,
    /// What it holds beside that, by the journal: it is counted, and only ever reduced.
    pub holds: Vec<InstrumentId>,
    /// No line of the configuration has it any more: it gets no plugin.
    pub retired: bool,
    /// The parameters the operator set, with their places.
    pub settings: Vec<Setting>,
    /// Whose bytes it takes, for itself and for its inputs.
    pub accept: Accept,
    /// Its own limits.
    pub limits: LimitsPatch,
    /// What its orders must keep.
    pub risk: Risk,
    /// What happens to its orders when nobody minds them.
    pub on_failure: OnFailure,
    /// How often it is restarted.
    pub restart: RestartPlan,
    /// How a new version is tried.
    pub trial: Trial,
    /// What a new version does whose plugin does not take the state of the one before.
    pub state: StateWish,
    /// How often its state is saved.
    pub snapshot_every_ms: u64,
    /// SHA-256 of everything above, for the provenance of orders.
    pub config: Digest,
}

impl SlotPlan {
    /// What is left of a slot that no line has any more.
    pub(crate) fn retired(
        name: SlotName,
        holds: Vec<InstrumentId>,
        on_failure: OnFailure,
    ) -> Option<Self> {
        Some(Self {
            name,
            plugin: RETIRED.parse().ok()?,
            range: VersionReq::STAR,
            instruments: Vec::new(),
            holds,
            retired: true,
            settings: Vec::new(),
            accept: Accept::default(),
            limits: LimitsPatch::default(),
            risk: Risk::default(),
            on_failure,
            restart: RestartPlan::default(),
            trial: Trial { shadow_events: 0, probation_events: 0, agree: false },
            state: StateWish::default(),
            snapshot_every_ms: u64::MAX,
            config: Digest([0; 32]),
        })
    }
}

/// What becomes of a state that a new version refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StateWish {
    /// The new version does not go live; the old one trades on.
    #[default]
    Carry,
    /// The state is left behind, and the new version is warmed up with past events instead.
    WarmUp,
}

/// How a failed slot comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartPlan {
    /// Failures within the window after which the bytes are quarantined.
    pub restarts_max: u32,
    /// The window.
    pub window_ms: u64,
    /// First wait; doubled at each failure.
    pub backoff_ms: u64,
    /// Longest wait.
    pub backoff_max_ms: u64,
}

impl Default for RestartPlan {
    fn default() -> Self {
        // OTP's shape with room for one bad tick more: three in a minute, then somebody must look.
        Self { restarts_max: 3, window_ms: 60_000, backoff_ms: 200, backoff_max_ms: 30_000 }
    }
}

#[cfg(test)]
impl Plan {
    /// A plan of nothing.
    pub(crate) fn empty() -> Self {
        Self {
            state_dir: PathBuf::new(),
            disk_free_min: 0,
            degraded: false,
            folders: Vec::new(),
            settle_ms: 0,
            rescan_ms: 1_000,
            lanes: 1,
            reader: None,
            instruments: Vec::new(),
            configured: BTreeSet::new(),
            feeds: Vec::new(),
            plugin_feeds: Vec::new(),
            speed: Speed::Max,
            venues: Vec::new(),
            credentials: Credentials::None,
            paper: PaperConfig::default(),
            paper_losses: LossStops::default(),
            slots: Vec::new(),
            retired: OnFailure::Keep,
            utilities: Vec::new(),
            limits: Limits::default(),
        }
    }
}
