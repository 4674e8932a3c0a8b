//! Recorded talk between an adapter and its venue.
//!
//! Comes in: a folder as `wickd_sdk::testing` describes it: `setup.json` with `params` and `markets`,
//! and lists of cases. Goes out: cases, each of them run on an instance of its own, step by step, with
//! what the adapter did at each. Deliberately absent: whether that is what was recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Tree, json};
use wickd_policy::params::Setting;
use wickd_policy::yaml::Place;
use wickd_sandbox::exchange::Said;
use wickd_sandbox::exchange::nouns::{
    Channel, Failure, Market, Method, Operation, Pair, Reply, Request, Response,
};

use super::bench::{Bench, Faulty, Live, tree};
use crate::exit::{Exit, Failure as Ends};

/// Largest fixture file, in bytes: a day of somebody's recording is not one.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most files in a folder.
const FILES_MAX: usize = 256;
const NS_PER_MS: u64 = 1_000_000;
const STATUS_OK: u16 = 200;

/// A folder.
pub(super) struct Fixtures {
    pub(super) settings: Vec<Setting>,
    pub(super) markets: Vec<Market>,
    pub(super) cases: Vec<Case>,
}

/// Steps on one instance.
pub(super) struct Case {
    /// The file's name and the number of the case in it.
    pub(super) place: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUp {
    #[serde(default)]
    params: Vec<(String, Tree)>,
    markets: Vec<Market>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) what: String,
    now_ms: Option<u64>,
    plan: Option<Vec<Channel>>,
    pub(super) sockets: Option<Tree>,
    open: Option<u32>,
    idle: Option<u32>,
    #[serde(default)]
    restart: bool,
    pub(super) socket: Option<u32>,
    frame: Option<Box<RawValue>>,
    pub(super) operation: Option<Operation>,
    pub(super) request: Option<Tree>,
    response: Option<Answer>,
    pub(super) reply: Option<Tree>,
    pub(super) failure: Option<Tree>,
    pub(super) says: Option<Tree>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Box<RawValue>,
}

/// What an adapter did at one step.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) built: Option<Result<Request, Failure>>,
    pub(super) parsed: Option<Result<Reply, Failure>>,
    pub(super) sockets: Option<Tree>,
    pub(super) refused: Option<Tree>,
    pub(super) said: Vec<Said>,
    /// Fuel of its last call.
    pub(super) fuel: u64,
}

impl Step {
    /// The bytes it hands to the adapter, and whether they are a frame.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let raw = self.frame.as_ref().or(self.response.as_ref().map(|answer| &answer.body));
        raw.map(|raw| bytes(raw))
    }

    pub(super) fn is_frame(&self) -> bool {
        self.frame.is_some()
    }

    pub(super) fn has_response(&self) -> bool {
        self.response.is_some()
    }
}

/// A `frame` or `body` that is a JSON text is taken as the bytes themselves.
fn bytes(raw: &RawValue) -> Vec<u8> {
    let text = serde_json::from_str::<String>(raw.get());
    text.unwrap_or_else(|_| raw.get().to_owned()).into_bytes()
}

impl Fixtures {
    /// Reads a folder.
    ///
    /// # Errors
    /// It is not there, or not as described.
    pub(super) fn read(folder: &Path) -> Result<Self, Ends> {
        let setup = folder.join("setup.json");
        let setup: SetUp = parsed(&setup, &text(&setup)?)?;
        let settings = setup.params.iter().map(|(key, value)| setting(key, value)).collect();
        let mut cases = Vec::new();
        for file in files(folder)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = text(&file)?;
            let listed: Vec<Box<RawValue>> = parsed(&file, &text)?;
            for (number, case) in (1..).zip(&listed) {
                let steps = match case.get().starts_with('[') {
                    true => serde_json::from_str(case.get()),
                    false => serde_json::from_str(case.get()).map(|step| vec![step]),
                };
                let mut steps: Vec<Step> = steps.map_err(|error| {
                    let text = format!("{}: case {number} is none", file.display());
                    Ends::of(Exit::NoInput, text, &error).hint(FORM)
                })?;
                // A step without words of its own belongs to the one before it.
                for at in 1..steps.len() {
                    if steps[at].what.is_empty() {
                        steps[at].what = steps[at - 1].what.clone();
                    }
                }
                cases.push(Case { place: format!("{name} case {number}"), steps });
            }
        }
        Ok(Self { settings, markets: setup.markets, cases })
    }
}

const FORM: &str = "the module `wickd_sdk::testing` describes fixtures; `example-plugins/binance/fixtures` are some";

fn files(folder: &Path) -> Result<Vec<PathBuf>, Ends> {
    let entries = std::fs::read_dir(folder).map_err(|error| cannot_read(folder, &error))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "json"));
    files.retain(|file| !file.ends_with("setup.json"));
    files.sort();
    if files.len() > FILES_MAX {
        let text = format!("{} holds {} files, at most {FILES_MAX}", folder.display(), files.len());
        return Err(Ends::new(Exit::NoInput, text).hint("name a folder of fixtures"));
    }
    Ok(files)
}

fn text(path: &Path) -> Result<String, Ends> {
    let size = path.metadata().map_err(|error| cannot_read(path, &error))?.len();
    if size > FILE_BYTES_MAX {
        let text = format!("{} has {size} bytes, at most {FILE_BYTES_MAX}", path.display());
        return Err(Ends::new(Exit::NoInput, text).hint("cut the recording into what it shows"));
    }
    std::fs::read_to_string(path).map_err(|error| cannot_read(path, &error))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Ends {
    Ends::of(Exit::NoInput, format!("cannot read {}", path.display()), error)
        .hint("name the folder of recorded talk with `--fixtures`")
}

fn parsed<'t, T: Deserialize<'t>>(path: &Path, text: &'t str) -> Result<T, Ends> {
    serde_json::from_str(text).map_err(|error| {
        let text = format!("{} is no fixture", path.display());
        Ends::of(Exit::NoInput, text, &error).hint(FORM)
    })
}

/// A parameter as an operator would write it: the one member of the variant, as text.
fn setting(key: &str, value: &Tree) -> Setting {
    let inner = value.as_object().and_then(|members| members.iter().next());
    let value = match inner {
        Some((kind, Tree::Number(ms))) if kind == "DurationMs" => format!("{ms}ms"),
        Some((_, Tree::String(text))) => text.clone(),
        Some((_, other)) => other.to_string(),
        None => value.to_string(),
    };
    let (key_place, value_place) = (Place::default(), Place::default());
    Setting { key: key.to_owned(), value, key_place, value_place }
}

/// How a case is run.
pub(super) struct Edit<'e> {
    /// The step whose bytes are others.
    pub(super) at: usize,
    /// Those bytes; none leaves the step out, two hand it over twice.
    pub(super) bytes: &'e [Vec<u8>],
}

impl Case {
    /// Runs it; a turn for every step. The inner error is a refusal of parameters or of a state.
    pub(super) fn run(
        &self,
        bench: &Bench<'_>,
        edit: Option<&Edit<'_>>,
    ) -> Faulty<Result<Vec<Turn>, String>> {
        let mut live = match bench.fresh()? {
            Ok(live) => live,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (mut channels, mut turns) = (Vec::new(), Vec::with_capacity(self.steps.len()));
        for (number, step) in self.steps.iter().enumerate() {
            let own = [step.bytes().unwrap_or_default()];
            let given = edit.filter(|edit| edit.at == number).map_or(&own[..], |edit| edit.bytes);
            if let Some(now_ms) = step.now_ms {
                live.set_now(now_ms * NS_PER_MS);
            }
            if step.restart {
                live = match live.succeeded(&channels)? {
                    Ok(live) => live,
                    Err(refusal) => return Ok(Err(refusal)),
                };
            }
            if let Some(planned) = &step.plan {
                channels.clone_from(planned);
            }
            let mut turn = Turn::default();
            step.run(&mut live, given, &mut turn)?;
            (turn.said, turn.fuel) = (live.said(), live.fuel_used());
            turns.push(turn);
        }
        Ok(Ok(turns))
    }
}

impl Step {
    fn run(&self, live: &mut Live<'_>, given: &[Vec<u8>], turn: &mut Turn) -> Faulty<()> {
        if let Some(channels) = &self.plan {
            match live.plan(channels)? {
                Ok(sockets) => turn.sockets = Some(tree(&sockets)),
                Err(failure) => turn.refused = Some(tree(&failure)),
            }
        }
        if let Some(socket) = self.open {
            live.open(socket)?;
        }
        if let Some(socket) = self.idle {
            live.idle(socket)?;
        }
        if let (Some(socket), true) = (self.socket, self.is_frame()) {
            for bytes in given {
                live.frame(socket, bytes)?;
            }
        }
        let Some(operation) = &self.operation else { return Ok(()) };
        if self.request.is_some() || self.response.is_none() {
            turn.built = Some(live.build(operation)?);
        }
        if let Some(answer) = &self.response {
            let pair = |(name, value): (&String, &String)| Pair {
                name: name.clone(),
                value: value.clone(),
            };
            for body in given {
                let response = Response {
                    status: answer.status.unwrap_or(STATUS_OK),
                    headers: answer.headers.iter().map(pair).collect(),
                    body: body.clone(),
                };
                turn.parsed = Some(live.parse(operation, &response)?);
            }
        }
        Ok(())
    }
}

/// A method's word.
pub(super) fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Patch => "PATCH",
    }
}

/// A request as fixtures spell it, empty members left out.
pub(super) fn spelled(request: &Request) -> Tree {
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
