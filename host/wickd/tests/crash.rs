//! `kill -9` of the daemon anywhere: the journal and the venue agree afterwards, no id comes twice, no
//! fill is lost.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and tells")]

mod daemon;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use daemon::{Daemon, configure};
use wickd_model::ClientId;
use wickd_store::{Folder, Record, VenueRecord};
use wickd_tests::Stage;

/// How many kills: enough to find what is wrong, or as many as `WICKD_KILLS` says.
fn kills_wanted() -> u64 {
    std::env::var("WICKD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// The next number of a seeded sequence, below `bound`: SplitMix64.
fn below(seed: &mut u64, bound: u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *seed;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word ^ (word >> 31)) % bound
}

/// What the dead left on disk, read without repairing it.
struct Left {
    ids: Vec<ClientId>,
    fills_heard: BTreeMap<ClientId, i64>,
    fills_made: BTreeMap<ClientId, i64>,
}

fn left(stage: &Stage) -> Left {
    let folder = Folder::open(&stage.plan.state_dir).expect("the lock died with its owner");
    let journal = folder.journal().expect("the journal opens").replay().expect("it is whole");
    let mut left =
        Left { ids: Vec::new(), fills_heard: BTreeMap::new(), fills_made: BTreeMap::new() };
    for record in &journal {
        match record {
            Record::Intent { order, .. } => left.ids.push(order.id),
            Record::Event(event) => {
                *left.fills_heard.entry(event.id).or_default() += event.last_size
            }
            _ => {}
        }
    }
    let ledger = folder.ledger().expect("the ledger opens");
    let tell = |_, record: VenueRecord| {
        if let VenueRecord::Event(event) = record {
            *left.fills_made.entry(event.id).or_default() += event.last_size;
        }
    };
    ledger.for_each(tell).expect("it is whole");
    left
}

#[test]
fn killed_at_random_points_nothing_is_doubled_and_nothing_lost() {
    let kills = kills_wanted();
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(&stage, "recorded", 100_000, None);
    let (mut seed, started) = (0x00c0_ffee, Instant::now());
    let mut known: BTreeSet<ClientId> = BTreeSet::new();
    for kill in 0..kills {
        let mut daemon = Daemon::start(&stage);
        // Some die while they recover, most while they trade. The point need not be exact, only any.
        if below(&mut seed, 8) > 0 {
            daemon.wait("market-open");
        }
        let until = Duration::from_micros(below(&mut seed, 150_000));
        std::thread::sleep(until);
        daemon.kill();
        let left = left(&stage);
        let ids: BTreeSet<_> = left.ids.iter().copied().collect();
        assert_eq!(ids.len(), left.ids.len(), "an id twice after kill {kill}");
        assert!(known.is_subset(&ids), "an order vanished from the journal after kill {kill}");
        known = ids;
        for (id, made) in &left.fills_made {
            assert!(known.contains(id), "{id} is at the venue, not in the journal: kill {kill}");
            let heard = left.fills_heard.get(id).copied().unwrap_or_default();
            assert!(heard <= *made, "{id}: {heard} heard and {made} made after kill {kill}");
        }
        for id in left.fills_heard.iter().filter(|(_, size)| **size > 0).map(|(id, _)| id) {
            assert!(left.fills_made.contains_key(id), "{id} was filled by nobody: kill {kill}");
        }
    }
    // One that lives: it recovers, goes on, and ends in good order.
    let mut daemon = Daemon::start(&stage);
    daemon.wait("market-open");
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}: {:?}", said.last());
    assert_eq!(stage.verify(), Vec::<String>::new());
    // What was under way when it ended is told to the next run.
    let end = left(&stage);
    let mut next = Daemon::start(&stage);
    next.wait("market-open");
    assert!(next.terminate().0.success());
    let heard = left(&stage).fills_heard;
    for (id, size) in end.fills_made.iter().filter(|(_, size)| **size > 0) {
        let heard = heard.get(id).copied().unwrap_or_default();
        assert!(heard >= *size, "{id}: {size} filled and {heard} heard of");
    }
    println!("{kills} kills, {} orders, {:?}", end.ids.len(), started.elapsed());
    assert!(end.ids.len() as u64 > kills, "it traded between the kills");
    // A state restored after every kill went on where its count of events ended.
    let audit = stage.audit("audit");
    assert_eq!((audit.gaps, audit.doubles, audit.reorders), (0, 0, 0), "{audit:?}");
}
