//! A name that means a public address when it is looked at and a private one afterwards: whoever asks,
//! what is dialled is what was checked, and nothing inside is reached.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wickd_egress::dial::{Resolve, Resolving};
use wickd_engine::{
    Edges, Hears, Notice, Post, RestartPlan, Severity, Streams, Summary, UtilityPlan, VenuePlan,
};
use wickd_policy::LimitsPatch;
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::params::Setting;
use wickd_policy::venue::Endpoint;
use wickd_policy::yaml::{Node, NodeKind, Place, Problems, parse};
use wickd_tests::Stage;

/// Public, and nobody answers there.
const PUBLIC: &str = "2001:4860:4860::8888";

/// Says a public address and this machine's in turn.
#[derive(Default)]
struct Turncoat {
    asked: AtomicUsize,
}

impl Turncoat {
    fn inside(&self) -> usize {
        self.asked.load(Ordering::Relaxed) / 2
    }
}

impl Resolve for Turncoat {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let address = if turn.is_multiple_of(2) { PUBLIC } else { "127.0.0.1" };
        let address: IpAddr = address.parse().unwrap();
        Box::pin(std::future::ready(Ok(vec![address])))
    }
}

/// A listener that nobody may reach.
fn inside() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on this machine");
    listener.set_nonblocking(true).expect("a listener");
    listener
}

fn node(yaml: &str) -> Node {
    parse(yaml, 1 << 10).expect("a test's YAML")
}

fn grants(yaml: &str) -> Grants {
    let mut problems = Problems::default();
    let grants = Grants::read(&node(yaml), Enforcement::Enforce, &mut problems);
    assert!(problems.is_empty());
    grants
}

fn settings(pairs: &[(&str, &str)]) -> Vec<Setting> {
    let setting = |(key, value): &(&str, &str)| Setting {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        key_place: Place::default(),
        value_place: Place::default(),
    };
    pairs.iter().map(setting).collect()
}

/// Waits until so many of its answers were this machine, then ends the house; gives what it said.
fn run(stage: Stage, names: &Arc<Turncoat>, wait_for: &str) -> (Summary, Vec<Arc<Notice>>) {
    let edges = Edges { names: names.clone(), ..Edges::system() };
    let mut run = stage.start_within(edges);
    run.wait_from(0, wait_for, |notice| notice.text.contains(wait_for));
    run.wait_until("three answers that are this machine", |_| names.inside() >= 3);
    let (_, summary, said) = run.end();
    (summary, said)
}

#[test]
fn a_utility_reaches_nothing_inside_by_a_name_that_turns() {
    let (listener, names) = (inside(), Arc::<Turncoat>::default());
    let place = format!("turncoat.example:{}", listener.local_addr().unwrap().port());
    let mut stage = Stage::new();
    stage.drop_guest("evil-utility");
    stage.plan.utilities.push(UtilityPlan {
        post: Post {
            name: "evil".parse().unwrap(),
            plugin: "evil-utility".parse().unwrap(),
            range: "*".parse().unwrap(),
            settings: settings(&[("attack", "turncoat"), ("other", &place)]),
            accept: Default::default(),
            limits: LimitsPatch::default(),
            network: grants(&format!(
                "[{{to: 'http://{place}'}}, {{to: 'ws://{place}'}}, {{to: 'tcp://{place}'}}]"
            )),
            restart: RestartPlan::default(),
        },
        hears: Hears { notices: Some(Severity::Info), ..Hears::default() },
        queue_max: 64,
    });
    let (summary, said) = run(stage, &names, "done");
    assert!(listener.accept().is_err(), "somebody came in");
    let denied = said.iter().filter(|notice| notice.code == "network-denied");
    let named: Vec<_> = denied.filter(|notice| notice.text.contains("127.0.0.1")).collect();
    assert!(!named.is_empty(), "{said:#?}");
    assert!(named.iter().all(|notice| notice.text.starts_with("plugin `evil-utility`")));
    assert!(summary.utilities[0].denied >= names.inside() as u64, "{:?}", summary.utilities);
    let passed = said.iter().find(|notice| notice.text.starts_with("PASSED"));
    assert!(passed.is_none(), "{passed:?}");
}

#[test]
fn an_adapter_reaches_nothing_inside_by_a_name_that_turns() {
    let (listener, names) = (inside(), Arc::<Turncoat>::default());
    let place = format!("turncoat.example:{}", listener.local_addr().unwrap().port());
    let endpoint = |name| {
        let kind = NodeKind::Scalar(format!("http://{place}"));
        Endpoint::read(name, &Node { place: Place::default(), kind }).expect("an address")
    };
    let mut stage = Stage::new();
    stage.drop_guest("evil-adapter");
    stage.plan.venues.push(VenuePlan {
        name: "evil".to_owned(),
        plugin: "evil-adapter".parse().unwrap(),
        range: "*".parse().unwrap(),
        accept: Default::default(),
        settings: settings(&[("does", "requests"), ("symbol", "BTC-USDT")]),
        endpoints: vec![endpoint("rest")],
        network: grants(&format!("[{{to: 'http://{place}'}}]")),
        credentials: None,
        signing: wickd_policy::venue::catalogue::Signing::default(),
        trade: false,
        open_orders_max: 1,
        losses: wickd_model::LossStops::default(),
        streams: Streams { quotes: true, depth: false, trades: false },
        stale_after_ms: 60_000,
        recv_window_ms: 5_000,
        read_lag_ms: 20_000,
        instruments: vec![0],
    });
    let (_, said) = run(stage, &names, "127.0.0.1");
    assert!(listener.accept().is_err(), "somebody came in");
    let denied = said.iter().find(|notice| notice.text.contains("127.0.0.1")).unwrap();
    assert_eq!(denied.code, "request-refused");
    assert!(denied.fix.as_deref().is_some_and(|fix| fix.contains("private: true")), "{denied:?}");
}
