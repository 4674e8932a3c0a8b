//! The engine's threads: which end they see coming, and what does not end them.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::sync::Arc;

use wickd_egress::dial::{Resolve, Resolving};
use wickd_engine::{Edges, Hears, House, Post, RestartPlan, Severity, UtilityPlan};
use wickd_policy::LimitsPatch;
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::params::Setting;
use wickd_policy::yaml::{Problems, parse};
use wickd_tests::{Stage, slot, synthetic};

/// A bug in the host, on the thread of whoever asks for a name.
struct Panics;

impl Resolve for Panics {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        panic!("the host has a bug");
    }
}

#[test]
fn a_panic_of_the_host_in_an_import_costs_the_guest_its_call_and_the_engine_no_thread() {
    let mut stage = Stage::new();
    stage.drop_guest("evil-utility");
    let setting = |key: &str, value: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
        key_place: Default::default(),
        value_place: Default::default(),
    };
    let node = parse("[{to: 'http://anywhere.example:80'}]", 99).expect("a test's YAML");
    stage.plan.utilities.push(UtilityPlan {
        post: Post {
            name: "evil".parse().expect("a name"),
            plugin: "evil-utility".parse().expect("a name"),
            range: "*".parse().expect("a range"),
            settings: vec![setting("attack", "turncoat"), setting("other", "anywhere.example:80")],
            accept: Default::default(),
            limits: LimitsPatch::default(),
            network: Grants::read(&node, Enforcement::Enforce, &mut Problems::default()),
            restart: RestartPlan::default(),
        },
        hears: Hears { notices: Some(Severity::Info), ..Hears::default() },
        queue_max: 64,
    });
    let edges = Edges { names: Arc::new(Panics), ..Edges::system() };
    let mut run = stage.start_within(edges);
    run.wait_from(0, "the fault", |notice| notice.text.contains("the host panicked in an import"));
    assert_eq!(run.house().ended_early(), None);
    drop(run.end());
}

#[test]
fn a_run_that_ends_by_itself_misses_no_thread() {
    let mut stage = Stage::new();
    stage.drop_guest("auditor");
    stage.plan.slots = vec![slot("audit", "auditor", &[])];
    stage.plan.feeds = vec![synthetic(1_000, Some(500))];
    let mut run = stage.start();
    run.wait_until("the end of the feeds", House::is_over);
    assert_eq!(run.house().ended_early(), None);
    drop(run.end());
}
