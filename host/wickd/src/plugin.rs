//! `wickd inspect` and `wickd limits`: what a plugin is, and what every plugin may use.
//!
//! Comes in: a component file. Goes out: what it says of itself. It is read by a child process, as the
//! daemon's are; only `schema` runs any of its code here, under the default limits. Deliberately
//! absent: configuration and slots.

use std::path::Path;

use serde_json::json;
use wickd_engine::{Plugin, Refusal};
use wickd_model::{Limits, World};
use wickd_policy::params::describe;

use crate::check;
use crate::exit::{Exit, Failure};
use crate::figures::{bytes, count, grouped};
use crate::summary::{heading, table};
use crate::terminal::{Terminal, page_width};

/// What one plugin is.
pub(crate) fn show(terminal: &Terminal, file: &Path) -> Result<Exit, Failure> {
    let refused = |refusal: Box<Refusal>| {
        let Refusal { step, reason, fix } = *refusal;
        let text = format!("{} is refused at step `{step}`", check::shown(file));
        Failure { causes: vec![reason], ..Failure::new(Exit::BadPlugin, text) }.hint(fix)
    };
    let (plugin, _) = check::admission(Limits::default())?.1.admit(file, 0).map_err(refused)?;
    match terminal.json {
        true => terminal.line("plugin", &as_json(&plugin)),
        false => terminal.page(&as_page(terminal, &plugin)),
    }
    Ok(Exit::Ok)
}

fn as_json(plugin: &Plugin) -> serde_json::Value {
    let manifest = &plugin.manifest;
    let requires = manifest.requires.iter().map(|(name, range)| (name, range.to_string()));
    json!({
        "name": manifest.name,
        "version": manifest.version.to_string(),
        "world": manifest.world.name(),
        "wit": plugin.description.wit,
        "description": manifest.description,
        "license": manifest.license,
        "authors": manifest.authors,
        "homepage": manifest.homepage,
        "requires": requires.collect::<std::collections::BTreeMap<_, _>>(),
        "digest": plugin.digest,
        "bytes": plugin.bytes,
        "functions": plugin.description.functions,
        "imports": plugin.description.imports,
        "parameters": plugin.schema.specs(),
        "limits": plugin.limits(Limits::default()),
    })
}

fn as_page(terminal: &Terminal, plugin: &Plugin) -> String {
    let manifest = &plugin.manifest;
    let requires: Vec<_> =
        manifest.requires.iter().map(|(name, range)| format!("{name} {range}")).collect();
    let rows = [
        ("plugin", plugin.label()),
        ("about", manifest.description.clone()),
        (
            "world",
            format!("{}, for wickd:plugin {}", manifest.world.name(), plugin.description.wit),
        ),
        ("licence", manifest.license.clone()),
        ("authors", manifest.authors.join(", ")),
        ("homepage", manifest.homepage.clone().unwrap_or_default()),
        ("requires", requires.join(", ")),
        ("sha-256", plugin.digest.to_string()),
        (
            "size",
            format!(
                "{}, {}",
                bytes(plugin.bytes),
                count(plugin.description.functions.into(), "function")
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
    parameters
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(page_width());
    page.push_str(&match plugin.schema.specs().is_empty() {
        true => " none\n".to_owned(),
        false => format!("{parameters}\n"),
    });
    page.push_str(&heading(terminal, "Imports"));
    plugin.description.imports.iter().for_each(|import| page.push_str(&format!(" {import}\n")));
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
