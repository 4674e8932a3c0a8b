//! `wickd check`, `wickd inspect` and `wickd limits`: plugins without a daemon.
//!
//! Comes in: component files. Goes out: what they are, or the step that refuses them. The steps are
//! intake's own; only `schema` runs any of the plugin's code, under the default limits. Deliberately
//! absent: configuration and slots.

use std::path::{Path, PathBuf};

use serde_json::json;
use wickd_engine::{Admission, Cost, Plugin, Refusal};
use wickd_model::{Limits, World};
use wickd_policy::params::describe;
use wickd_sandbox::{Inspection, Runtime, inspect};

use crate::exit::{Exit, Failure};
use crate::figures::{bytes, count, grouped};
use crate::run;
use crate::summary::{heading, table};
use crate::terminal::{COLUMNS, Look, Terminal};

/// All steps of intake for each file.
pub(crate) fn check(terminal: &Terminal, files: &[PathBuf]) -> Result<Exit, Failure> {
    let (_, admission) = admission()?;
    let mut refused = 0;
    for file in files {
        match admission.admit(file, 0) {
            Ok((plugin, cost)) => admitted(terminal, file, &plugin, cost),
            Err(refusal) => {
                refused += 1;
                tell_refusal(terminal, file, &refusal);
            }
        }
    }
    Ok(if refused == 0 { Exit::Ok } else { Exit::BadPlugin })
}

/// The steps of intake, and the sandbox behind them.
pub(crate) fn admission() -> Result<(Runtime, Admission), Failure> {
    let runtime = Runtime::start()
        .map_err(|error| Failure::of(Exit::Unexpected, "the sandbox does not start", &error))?;
    let admission = Admission::alone(runtime.clone(), Limits::default(), None);
    Ok((runtime, admission.compiled_by(run::compiler()?)))
}

fn admitted(terminal: &Terminal, file: &Path, plugin: &Plugin, cost: Cost) {
    if terminal.json {
        let body = json!({
            "file": file,
            "ok": true,
            "name": plugin.manifest.name,
            "version": plugin.manifest.version.to_string(),
            "world": plugin.manifest.world.name(),
            "digest": plugin.digest,
            "bytes": cost.bytes,
            "compile_ms": cost.compile_ms,
            "parameters": plugin.schema.specs().len(),
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
    let (file, label) = (file.display(), plugin.label());
    terminal.page(&format!("{ok}       {file}: {label}, {}\n", facts.join(", ")));
}

fn tell_refusal(terminal: &Terminal, file: &Path, refusal: &Refusal) {
    let Refusal { step, reason, fix } = refusal;
    if terminal.json {
        let body = json!({ "file": file, "ok": false, "step": step, "reason": reason, "fix": fix });
        return terminal.line("check", &body);
    }
    let word = terminal.paint_page(Look::Bad, "refused");
    terminal.page(&format!("{word}  {} at step `{step}`: {reason}\n", file.display()));
    terminal.page(&format!("         hint: {fix}\n"));
}

/// What one plugin is.
pub(crate) fn show(terminal: &Terminal, file: &Path) -> Result<Exit, Failure> {
    let refused = |refusal: Box<Refusal>| {
        let Refusal { step, reason, fix } = *refusal;
        let text = format!("{} is refused at step `{step}`", file.display());
        Failure { causes: vec![reason], ..Failure::new(Exit::BadPlugin, text) }.hint(fix)
    };
    let (plugin, _) = admission()?.1.admit(file, 0).map_err(refused)?;
    let cannot = |error: &dyn std::error::Error| {
        Failure::of(Exit::NoInput, format!("cannot read {}", file.display()), error)
    };
    let wasm = std::fs::read(file).map_err(|error| cannot(&error))?;
    let inspection = inspect(&wasm).map_err(|error| cannot(&error))?;
    if inspection.digest != plugin.digest {
        let text = format!("{} changed while it was read", file.display());
        return Err(Failure::new(Exit::NoInput, text).hint("try again once it rests"));
    }
    match terminal.json {
        true => terminal.line("plugin", &as_json(&plugin, &inspection)),
        false => terminal.page(&as_page(terminal, &plugin, &inspection)),
    }
    Ok(Exit::Ok)
}

fn as_json(plugin: &Plugin, inspection: &Inspection) -> serde_json::Value {
    let manifest = &plugin.manifest;
    let requires = manifest.requires.iter().map(|(name, range)| (name, range.to_string()));
    json!({
        "name": manifest.name,
        "version": manifest.version.to_string(),
        "world": manifest.world.name(),
        "wit": inspection.wit,
        "description": manifest.description,
        "license": manifest.license,
        "authors": manifest.authors,
        "homepage": manifest.homepage,
        "requires": requires.collect::<std::collections::BTreeMap<_, _>>(),
        "digest": plugin.digest,
        "bytes": inspection.bytes,
        "functions": inspection.functions,
        "imports": inspection.imports,
        "parameters": plugin.schema.specs(),
        "limits": plugin.limits(Limits::default()),
    })
}

fn as_page(terminal: &Terminal, plugin: &Plugin, inspection: &Inspection) -> String {
    let manifest = &plugin.manifest;
    let requires: Vec<_> =
        manifest.requires.iter().map(|(name, range)| format!("{name} {range}")).collect();
    let rows = [
        ("plugin", plugin.label()),
        ("about", manifest.description.clone()),
        ("world", format!("{}, for wickd:plugin {}", manifest.world.name(), inspection.wit)),
        ("licence", manifest.license.clone()),
        ("authors", manifest.authors.join(", ")),
        ("homepage", manifest.homepage.clone().unwrap_or_default()),
        ("requires", requires.join(", ")),
        ("sha-256", plugin.digest.to_string()),
        (
            "size",
            format!(
                "{}, {}",
                bytes(inspection.bytes),
                count(inspection.functions.into(), "function")
            ),
        ),
    ];
    let mut page = String::new();
    for (name, text) in rows.iter().filter(|row| !row.1.is_empty()) {
        page.push_str(&format!("{name:<9} {text}\n"));
    }
    page.push_str(&heading(terminal, "Parameters"));
    let mut parameters = table(&["key", "default", "takes", "what it is"]);
    for spec in plugin.schema.specs() {
        parameters.add_row([
            spec.key.clone(),
            spec.default.to_string(),
            describe(&spec.domain),
            spec.description.clone(),
        ]);
    }
    parameters.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(COLUMNS);
    page.push_str(&match plugin.schema.specs().is_empty() {
        true => " none\n".to_owned(),
        false => format!("{parameters}\n"),
    });
    page.push_str(&heading(terminal, "Imports"));
    inspection.imports.iter().for_each(|import| page.push_str(&format!(" {import}\n")));
    page.push_str(&heading(terminal, "Limits (the configuration may set others)"));
    let mut limits = table(&["limit", "value"]);
    for (name, value, ..) in plugin.limits(Limits::default()).rows() {
        limits.add_row([name.to_owned(), grouped(value)]);
    }
    page.push_str(&format!("{limits}\n"));
    let network = manifest.network.lines();
    if !network.is_empty() {
        page.push_str(&heading(terminal, "Network it requests (granted under `network`)"));
        network.iter().for_each(|line| page.push_str(&format!(" - {line}\n")));
    }
    page.push_str(match manifest.world {
        World::Strategy => "",
        World::Signal | World::Indicator => {
            "\nUsed as an input: a strategy asks for it by name; it has no slot of its own.\n"
        }
        World::Exchange => "\nConnects a venue: name it under `venues`.\n",
        World::Feed => "\nA feed is checked here; this version of the daemon runs none yet.\n",
        World::Utility => "\nHears what happens: name it under `utilities`.\n",
    });
    page
}

/// Every limit.
pub(crate) fn limits(terminal: &Terminal) {
    let rows = Limits::default().rows();
    if terminal.json {
        for (limit, _, min, default, max) in rows {
            terminal.line(
                "limit",
                &json!({ "name": limit, "default": default, "min": min, "max": max }),
            );
        }
        return;
    }
    let mut limits = table(&["limit", "default", "least", "greatest"]);
    for (name, _, min, default, max) in rows {
        limits.add_row([name.to_owned(), grouped(default), grouped(min), grouped(max)]);
    }
    terminal.page(&format!("{limits}\n"));
    terminal.page("\nSet them under `limits:`, for all slots, in a sidecar or for one slot; the last one holds.\n");
}
