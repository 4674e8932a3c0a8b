//! `wickd check`: whether a plugin would be taken, and whether it starts.
//!
//! Comes in: component files, perhaps a configuration and limits. Goes out: for each file that it is
//! taken and takes its configuration, or the step that refuses it. A child process reads it, as in the
//! daemon; then an instance is made and configured in this process's sandbox: for each place of the
//! configuration that names it, or with its defaults and a sample instrument. Deliberately absent:
//! events, and any way out.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use wickd_engine::{Admission, Cost, Plugin, Refusal, sample_instrument, try_plugin};
use wickd_model::{Instrument, InstrumentId, Issue, Limits, printable};
use wickd_policy::LimitsPatch;
use wickd_policy::params::Setting;
use wickd_policy::yaml::{Problems, parse};
use wickd_sandbox::Runtime;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::figures::{bytes, count};
use crate::run;
use crate::terminal::{Look, Terminal};

/// Longest text of limits on a command line: a line for each limit there is.
const LIMITS_BYTES_MAX: usize = 4 << 10;
/// Most components of a configuration's folders that are tried; a check of more takes minutes.
const FILES_MAX: usize = 256;
/// Longest file name shown.
const NAME_BYTES_MAX: usize = 4_096;

/// What to check, and how.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The components
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Try each under the limits, parameters and instruments that this configuration gives it
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// Set a limit over all others, like `--limit instances=40`; `wickd limits` lists them
    #[arg(long, value_name = "NAME=VALUE")]
    limit: Vec<String>,
}

/// Where a plugin is tried.
struct Place<'c> {
    /// The slot, feed or utility; `None` for a sample.
    name: Option<String>,
    settings: &'c [Setting],
    limits: Limits,
    instruments: Vec<Instrument>,
}

/// Everything that does not change from file to file.
struct Bench {
    runtime: Runtime,
    admission: Admission,
    config: Option<Config>,
    base: Limits,
    patch: LimitsPatch,
}

/// Takes each file through all steps, and starts it.
pub(crate) fn check(terminal: &Terminal, args: &CheckArgs) -> Result<Exit, Failure> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let patch = limits(&args.limit)?;
    let base = config.as_ref().map_or_else(Limits::default, |config| config.plan.limits);
    let (runtime, admission) = admission(patch.over(base))?;
    let bench = Bench { runtime, admission, config, base, patch };
    let mut refused = 0;
    for file in &args.files {
        match bench.admit(file) {
            Ok((plugin, cost, wishes)) => admitted(terminal, file, &plugin, &cost, &wishes),
            Err(refusal) => {
                refused += 1;
                tell_refusal(terminal, file, &refusal);
            }
        }
    }
    Ok(if refused == 0 { Exit::Ok } else { Exit::BadPlugin })
}

/// The steps of intake, and the sandbox behind them.
pub(crate) fn admission(limits: Limits) -> Result<(Runtime, Admission), Failure> {
    let runtime = Runtime::start()
        .map_err(|error| Failure::of(Exit::Unexpected, "the sandbox does not start", &error))?;
    let admission = Admission::alone(runtime.clone(), limits, None);
    Ok((runtime, admission.read_by(run::reader()?)))
}

impl Bench {
    /// Reads a file and starts it in each of its places. Gives what it lacks in a sample's, which a
    /// configuration may bring.
    fn admit(&self, file: &Path) -> Result<(Plugin, Cost, Vec<Issue>), Box<Refusal>> {
        let (plugin, cost) = self.admission.admit(file, 0)?;
        let wishes = self.try_places(&plugin)?;
        Ok((plugin, cost, wishes))
    }

    /// Starts it in each of its places.
    fn try_places(&self, plugin: &Plugin) -> Result<Vec<Issue>, Box<Refusal>> {
        let mut wishes = Vec::new();
        for place in self.places(plugin) {
            let Place { name, settings, limits, instruments } = &place;
            let issues = try_plugin(&self.runtime, plugin, limits, settings, instruments);
            let of = name.as_ref().map_or_else(String::new, |name| format!("`{name}`: "));
            let refuse = |step, reason: &str, fix: String| {
                Box::new(Refusal { step, reason: format!("{of}{reason}"), fix })
            };
            let issues = issues.map_err(|it| refuse(it.step, &it.reason, it.fix))?;
            match issues.is_empty() || name.is_none() {
                true => wishes.extend(issues),
                false => {
                    let reason = format!("it refuses its configuration: {}", listed(&issues));
                    return Err(refuse("init", &reason, "mend its `config:`".to_owned()));
                }
            }
        }
        Ok(wishes)
    }

    /// The places of the configuration that name the plugin; a sample where there is none.
    fn places(&self, plugin: &Plugin) -> Vec<Place<'_>> {
        let own = plugin.limits(self.base);
        let mut places = Vec::new();
        if let Some(plan) = self.config.as_ref().map(|config| &config.plan) {
            let pick = |ids: &[InstrumentId]| {
                let found = ids.iter().filter_map(|id| plan.instruments.get(*id as usize));
                found.cloned().collect::<Vec<_>>()
            };
            let slots = plan.slots.iter().map(|slot| {
                let (name, of) = (slot.name.to_string(), (&slot.plugin, &slot.range));
                (name, of, &slot.settings, &slot.limits, pick(&slot.instruments))
            });
            let utilities = plan.utilities.iter().map(|utility| (&utility.post, Vec::new()));
            let feeds = plan.plugin_feeds.iter().map(|feed| (&feed.post, pick(&feed.instruments)));
            let posts = utilities.chain(feeds).map(|(post, instruments)| {
                let (name, of) = (post.name.to_string(), (&post.plugin, &post.range));
                (name, of, &post.settings, &post.limits, instruments)
            });
            for (name, (wanted, range), settings, limits, instruments) in slots.chain(posts) {
                if *wanted == plugin.manifest.name && range.matches(&plugin.manifest.version) {
                    let limits = self.patch.over(limits.over(own));
                    places.push(Place { name: Some(name), settings, limits, instruments });
                }
            }
        }
        if places.is_empty() {
            let instruments = vec![sample_instrument()];
            let limits = self.patch.over(own);
            places.push(Place { name: None, settings: &[], limits, instruments });
        }
        places
    }
}

/// What plugins in the folders of a configuration have against the places that name them: one sentence
/// each. `told` hears of each file before it is read.
pub(crate) fn against_places(
    config: &Config,
    told: impl Fn(&Path),
) -> Result<Vec<String>, Failure> {
    let (runtime, admission) = admission(config.plan.limits)?;
    let (base, patch) = (config.plan.limits, LimitsPatch::default());
    let bench = Bench { runtime, admission, config: Some(config.clone()), base, patch };
    let mut against = Vec::new();
    for file in components(&config.plan.folders) {
        told(&file);
        let why = |it: Box<Refusal>| format!("{}: {}; {}", shown(&file), it.reason, it.fix);
        match bench.admission.admit(&file, 0) {
            Ok((plugin, _)) if bench.places(&plugin).iter().any(|of| of.name.is_some()) => {
                against.extend(bench.try_places(&plugin).err().map(why));
            }
            // Nobody names it.
            Ok(_) => {}
            Err(refusal) => against.push(why(refusal)),
        }
    }
    Ok(against)
}

/// The components that a start would find, in the order of the folders.
fn components(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in folders {
        let Ok(entries) = folder.read_dir() else { continue };
        let mut files: Vec<_> = entries
            .flatten()
            .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|of| of == "wasm") && path.is_file())
            .collect();
        files.sort();
        all.extend(files);
    }
    all.truncate(FILES_MAX);
    all
}

/// The limits of the command line.
fn limits(words: &[String]) -> Result<LimitsPatch, Failure> {
    let wrong = |word: &str, why: &str| {
        let text = format!("`--limit {}`: {why}", printable(word.as_bytes(), 80));
        Failure::new(Exit::Usage, text).hint("write `--limit NAME=VALUE`; see `wickd limits`")
    };
    let mut lines = String::new();
    for word in words {
        let (name, value) = word.split_once('=').ok_or_else(|| wrong(word, "has no `=`"))?;
        lines.push_str(&format!("{name}: {value}\n"));
    }
    if words.is_empty() {
        return Ok(LimitsPatch::default());
    }
    let all = words.join(" ");
    let node = parse(&lines, LIMITS_BYTES_MAX).map_err(|problem| wrong(&all, &problem.reason))?;
    let mut problems = Problems::default();
    let patch = LimitsPatch::read(&node, &mut problems);
    match problems.into_sorted().first() {
        None => Ok(patch),
        Some(problem) => Err(wrong(&all, &format!("{}; {}", problem.reason, problem.fix))),
    }
}

fn listed(issues: &[Issue]) -> String {
    issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A file's name for people: whoever chose it may have put anything into it.
pub(crate) fn shown(file: &Path) -> String {
    printable(file.as_os_str().as_encoded_bytes(), NAME_BYTES_MAX)
}

fn admitted(terminal: &Terminal, file: &Path, plugin: &Plugin, cost: &Cost, wishes: &[Issue]) {
    if terminal.json {
        let body = json!({
            "file": shown(file),
            "ok": true,
            "name": plugin.manifest.name,
            "version": plugin.manifest.version.to_string(),
            "world": plugin.manifest.world.name(),
            "digest": plugin.digest,
            "bytes": cost.bytes,
            "compile_ms": cost.compile_ms,
            "parameters": plugin.schema.specs().len(),
            "wants": wishes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        return terminal.line("check", &body);
    }
    let facts = [
        plugin.manifest.world.name().to_owned(),
        bytes(cost.bytes),
        count(plugin.schema.specs().len() as u64, "parameter"),
        format!("compiled in {} ms", cost.compile_ms),
    ];
    let ok = terminal.paint_page(Look::Good, "ok");
    terminal.page(&format!(
        "{ok}       {}: {}, {}\n",
        shown(file),
        plugin.label(),
        facts.join(", ")
    ));
    if !wishes.is_empty() {
        terminal.page(&format!("         wants a configuration: {}\n", listed(wishes)));
    }
}

fn tell_refusal(terminal: &Terminal, file: &Path, refusal: &Refusal) {
    let Refusal { step, reason, fix } = refusal;
    let file = shown(file);
    if terminal.json {
        let body = json!({ "file": file, "ok": false, "step": step, "reason": reason, "fix": fix });
        return terminal.line("check", &body);
    }
    let word = terminal.paint_page(Look::Bad, "refused");
    terminal.page(&format!("{word}  {file} at step `{step}`: {reason}\n"));
    terminal.page(&format!("         hint: {fix}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        limits(&words).map(drop).unwrap_err().text
    }

    #[test]
    fn limits_of_the_command_line_are_read_like_those_of_a_file() {
        let words = ["instances=40".to_owned(), "component_bytes=33554432".to_owned()];
        let limits = limits(&words).unwrap().over(Limits::default());
        assert_eq!((limits.instances, limits.component_bytes), (40, 32 << 20));
        assert!(refused(&["instances"]).contains("has no `=`"));
        assert!(refused(&["instance=40"]).contains("did you mean `instances`?"));
        assert!(refused(&["instances=0"]).contains("out of range"));
        assert!(refused(&["instances=1", "instances=2"]).contains("duplicate"));
    }
}
