//! `wickd held` and `wickd approve`: bytes that would have a place, and the operator's word on them.
//!
//! Comes in: the daemon's answer, or, while none runs, the configuration. Goes out: what is held with
//! what it asks for, or the approval. Deliberately absent: the rules, which are the engine's.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wickd_model::Digest;

use crate::api::client::Client;
use crate::cli::StatePath;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::terminal::Terminal;

/// Lists what is held.
pub(crate) fn show(terminal: &Terminal, state: &StatePath) -> Result<Exit, Failure> {
    let held = Client::of(state)?.get("/v1/held")?;
    let held = held.as_array().cloned().unwrap_or_default();
    if terminal.json {
        held.iter().for_each(|of| terminal.line("held", of));
        return Ok(Exit::Ok);
    }
    if held.is_empty() {
        terminal.page("nothing is held\n");
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for of in &held {
        let holder = match of["holder"].as_str() {
            Some(digest) => format!("{digest} holds it"),
            None => "nothing holds it".to_owned(),
        };
        let mut page = format!(
            "{}: {} from {}\n  {}; {holder}\n",
            text(&of["place"]),
            text(&of["plugin"]),
            text(&of["path"]),
            text(&of["why"]),
        );
        for line in of["difference"].as_array().into_iter().flatten() {
            page.push_str(&format!("    {}\n", text(line)));
        }
        let (place, digest) = (text(&of["place"]), text(&of["digest"]));
        page.push_str(&format!("  to accept it: wickd approve {place} {digest}\n"));
        terminal.page(&page);
    }
    Ok(Exit::Ok)
}

/// Accepts held bytes: in the running daemon, or in the state folder while none runs.
pub(crate) fn approve(
    terminal: &Terminal,
    place: &str,
    digest: Digest,
    state: &StatePath,
) -> Result<Exit, Failure> {
    let body = json!({ "place": place, "digest": digest });
    let answer = match Client::of(state)?.post("/v1/approve", &body) {
        Ok(answer) => answer["text"].as_str().unwrap_or_default().to_owned(),
        Err(failure) if failure.exit == Exit::NotRunning => {
            let plan = Config::load(&state.config.config)?.plan;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            wickd_engine::approve(&plan, place, digest, now)
                .map_err(|error| Failure::new(Exit::Refused, error.to_string()))?
        }
        Err(failure) => return Err(failure),
    };
    terminal.page(&format!("{answer}\n"));
    Ok(Exit::Ok)
}
