//! Recorded talk between an adapter and its venue, replayed.
//!
//! Comes in: a folder. `setup.json` holds `params` (names and values) and `markets`; every other
//! `*.json` is a list of cases. Goes out: every difference, in words. Deliberately absent: changing a
//! folder to what an adapter happens to do.
//!
//! A case is a step or a list of steps, run on an adapter of its own. Records and cases are spelled as
//! the Rust bindings spell them. Steps, of which each may have `what` and `now_ms`, the clock:
//!
//! ```json
//! {"operation": {"Ticker": 0},
//!  "request": {"method": "GET", "endpoint": "spot", "path": "/ticker", "query": "symbol=BTCUSDT",
//!              "headers": {}, "body": "", "recipe": "", "costs": {"weight": 2}},
//!  "response": {"status": 200, "headers": {}, "body": {"bid": "1.00"}},
//!  "reply": {"Ticker": {"instrument": 0, "bid": 100}}, "says": []}
//! {"plan": [{"id": 0, "instrument": 0, "kind": "Depth", "detail": 0}], "sockets": []}
//! {"open": 0, "says": [{"Send": {"socket": 0, "text": "…"}}]}
//! {"socket": 0, "frame": {"u": 1}, "says": []}
//! {"idle": 0, "says": []}
//! {"restart": true}
//! ```
//!
//! Empty members may be left out, and what a step leaves out of `request`, `reply`, `failure`,
//! `sockets` and `says` as a whole is not checked. `failure` stands in place of `reply`, and without a
//! `response` it is that of `build` or `plan`. A `frame` or `body` that is a JSON text is taken as
//! the bytes themselves. `restart` swaps the adapter while its sockets stay open.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value as Tree, json};

use super::ExchangeTest;
use crate::Value;
use crate::exchange::{Channel, Exchange, Method, Operation, Pair, RawMarket, Request, Response};

/// Nanoseconds of a millisecond.
const MS_NS: u64 = 1_000_000;
/// The success that a response has where it does not say.
const STATUS_OK: u16 = 200;

/// What a folder gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// How many cases ran.
    pub cases: usize,
    /// What differed: file, case, and both values.
    pub faults: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUp {
    #[serde(default)]
    params: Vec<(String, Value)>,
    markets: Vec<RawMarket>,
}

impl SetUp {
    /// What the folder `fixtures` of a plugin's crate says.
    pub(super) fn read(plugin: &Path) -> Self {
        let text = std::fs::read_to_string(plugin.join("fixtures/setup.json"));
        let text = text.expect("setup.json can be read");
        serde_json::from_str(&text).expect("setup.json holds params and markets")
    }

    /// An adapter that is set up so.
    pub(super) fn adapter<E: Exchange>(&self) -> ExchangeTest<E> {
        let params: Vec<_> =
            self.params.iter().map(|(key, value)| (&**key, value.clone())).collect();
        ExchangeTest::new(&params, &self.markets).expect("the adapter takes its set-up")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step<'a> {
    #[serde(default)]
    what: String,
    now_ms: Option<u64>,
    plan: Option<Vec<Channel>>,
    sockets: Option<Tree>,
    open: Option<u32>,
    idle: Option<u32>,
    #[serde(default)]
    restart: bool,
    socket: Option<u32>,
    #[serde(borrow)]
    frame: Option<&'a RawValue>,
    operation: Option<Operation>,
    request: Option<Tree>,
    #[serde(borrow)]
    response: Option<Answer<'a>>,
    reply: Option<Tree>,
    failure: Option<Tree>,
    says: Option<Tree>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The bytes of every `frame` and `body` in the folder `fixtures` of a plugin's crate: what a test
/// damages before it throws it at the adapter.
///
/// # Panics
/// The folder cannot be read.
pub fn recorded(plugin: impl AsRef<Path>) -> Vec<Vec<u8>> {
    fn collect(tree: &Tree, into: &mut Vec<Vec<u8>>) {
        match tree {
            Tree::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Tree::Object(members) => {
                for (name, member) in members {
                    match name.as_str() {
                        "frame" | "body" => into.push(member.to_string().into_bytes()),
                        _ => collect(member, into),
                    }
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    let entries = plugin.as_ref().join("fixtures").read_dir().expect("the folder is there");
    for entry in entries {
        let text = std::fs::read(entry.expect("an entry").path()).expect("the file can be read");
        collect(&serde_json::from_slice(&text).unwrap_or_default(), &mut all);
    }
    all.sort();
    all
}

/// Runs every case in the folder `fixtures` of a plugin's crate. Every request written on the way is
/// held against the crate's `plugin.yaml`: its endpoint, recipe and buckets must be there, and its
/// path among those the recipe signs.
///
/// # Panics
/// The folder cannot be read, a file is not as described above, or the adapter refuses its set-up.
pub fn check_fixtures<E: Exchange>(plugin: impl AsRef<Path>) -> Checked {
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let manifest = read(&plugin.as_ref().join("plugin.yaml"));
    let folder = plugin.as_ref().join("fixtures");
    let setup = SetUp::read(plugin.as_ref());
    let entries = folder.read_dir().expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "json"));
    files.retain(|file| !file.ends_with("setup.json"));
    files.sort();
    let mut checked = Checked::default();
    for file in files {
        let (name, text) = (file.display().to_string(), read(&file));
        let cases: Vec<&RawValue> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{name}: no list of cases: {error}"));
        for case in cases {
            let steps = match case.get().starts_with('[') {
                true => serde_json::from_str(case.get()),
                false => serde_json::from_str(case.get()).map(|step| vec![step]),
            };
            let steps: Vec<Step<'_>> = steps.unwrap_or_else(|error| {
                let shown: String = case.get().chars().take(200).collect();
                panic!("{name}: no step: {error} in {shown}")
            });
            let mut run = Run::new(setup.adapter::<E>(), &manifest);
            steps.iter().for_each(|step| run.step(step));
            checked.cases += 1;
            checked.faults.extend(run.faults.into_iter().map(|fault| format!("{name}: {fault}")));
        }
    }
    checked
}

struct Run<'m, E> {
    manifest: &'m str,
    /// None only while it is being swapped.
    adapter: Option<ExchangeTest<E>>,
    what: String,
    faults: Vec<String>,
}

impl<'m, E: Exchange> Run<'m, E> {
    fn new(adapter: ExchangeTest<E>, manifest: &'m str) -> Self {
        let adapter = Some(adapter);
        Self { manifest, adapter, what: String::new(), faults: Vec::new() }
    }

    fn step(&mut self, step: &Step<'_>) {
        if !step.what.is_empty() {
            self.what.clone_from(&step.what);
        }
        let mut adapter = self.adapter.take().expect("a step leaves the adapter behind");
        if let Some(now_ms) = step.now_ms {
            adapter.set_now(now_ms * MS_NS);
        }
        if step.restart {
            adapter = adapter.restart();
        }
        if let Some(channels) = &step.plan {
            let (sockets, failure) = parted(adapter.plan(channels));
            self.compare("sockets", step.sockets.as_ref(), sockets);
            self.compare("failure", step.failure.as_ref(), failure);
        }
        let mut said = Vec::new();
        if let Some(socket) = step.open {
            said.extend(adapter.open(socket));
        }
        if let Some(socket) = step.idle {
            said.extend(adapter.idle(socket));
        }
        if let (Some(socket), Some(frame)) = (step.socket, step.frame) {
            said.extend(adapter.frame(socket, bytes(frame)));
        }
        if let Some(operation) = &step.operation {
            self.call(&mut adapter, step, operation);
            said.extend(adapter.said());
        }
        self.compare("says", step.says.as_ref(), tree(&said));
        self.adapter = Some(adapter);
    }

    fn call(&mut self, adapter: &mut ExchangeTest<E>, step: &Step<'_>, operation: &Operation) {
        if step.request.is_some() || step.response.is_none() {
            let built = adapter.build(operation);
            for missing in built.iter().flat_map(|request| undeclared(self.manifest, request)) {
                self.faults.push(format!("{}: plugin.yaml lacks {missing}", self.what));
            }
            let (request, failure) = parted(built.map(spelled));
            self.compare("request", step.request.as_ref(), request);
            if step.response.is_none() {
                self.compare("failure", step.failure.as_ref(), failure);
            }
        }
        if let Some(answer) = &step.response {
            let pair = |(name, value): (&String, &String)| Pair {
                name: name.clone(),
                value: value.clone(),
            };
            let response = Response {
                status: answer.status.unwrap_or(STATUS_OK),
                headers: answer.headers.iter().map(pair).collect(),
                body: bytes(answer.body),
            };
            let (reply, failure) = parted(adapter.parse(operation, &response));
            self.compare("reply", step.reply.as_ref(), reply);
            self.compare("failure", step.failure.as_ref(), failure);
        }
    }

    fn compare(&mut self, member: &str, expected: Option<&Tree>, actual: Tree) {
        if let Some(expected) = expected.filter(|expected| **expected != actual) {
            let what = &self.what;
            self.faults.push(format!("{what}: {member}: expected {expected}, got {actual}"));
        }
    }
}

fn tree(value: &impl Serialize) -> Tree {
    serde_json::to_value(value).expect("records of the contract are plain data")
}

/// Both ends of an outcome; the one that did not happen is null.
fn parted<T: Serialize, F: Serialize>(outcome: Result<T, F>) -> (Tree, Tree) {
    match outcome {
        Ok(value) => (tree(&value), Tree::Null),
        Err(failure) => (Tree::Null, tree(&failure)),
    }
}

fn bytes(raw: &RawValue) -> Vec<u8> {
    let text = serde_json::from_str::<String>(raw.get());
    text.unwrap_or_else(|_| raw.get().to_owned()).into_bytes()
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Patch => "PATCH",
    }
}

/// What a request names and the manifest does not.
fn undeclared(manifest: &str, request: &Request) -> Vec<String> {
    let path = format!("- {} {}", word(request.method), request.path);
    let signed = !request.recipe.is_empty();
    let names = [&request.endpoint].into_iter().chain(signed.then_some(&request.recipe));
    let names = names.chain(request.costs.iter().map(|cost| &cost.bucket));
    let needed = names.map(|name| format!("{name}:")).chain(signed.then_some(path));
    let is_there = |text: &String| {
        manifest.lines().any(|line| {
            let line = line.trim();
            line == text || (text.ends_with(':') && line.starts_with(&format!("{text} ")))
        })
    };
    needed.filter(|text| !is_there(text)).collect()
}

/// A request as fixtures spell it, empty members left out.
fn spelled(request: Request) -> Tree {
    let query: Vec<_> = request.query.iter().map(|p| format!("{}={}", p.name, p.value)).collect();
    let headers: BTreeMap<_, _> = request.headers.iter().map(|p| (&p.name, &p.value)).collect();
    let costs: BTreeMap<_, _> = request.costs.iter().map(|c| (&c.bucket, c.weight)).collect();
    let mut tree = json!({
        "method": word(request.method),
        "endpoint": request.endpoint,
        "path": request.path,
        "query": query.join("&"),
        "headers": headers,
        "body": request.body,
        "recipe": request.recipe,
        "costs": costs,
    });
    if let Some(members) = tree.as_object_mut() {
        members.retain(|_, member| *member != json!("") && *member != json!({}));
    }
    tree
}
