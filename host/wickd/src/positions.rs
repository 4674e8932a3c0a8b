//! `wickd positions`, `adopt`, `close`, `resume`: what is owned, and the operator's word about it.

use serde_json::{Value, json};

use crate::api::client::Client;
use crate::cli::{OwnerArgs, PositionsArgs, ResumeArgs};
use crate::exit::{Exit, Failure};
use crate::summary::table;
use crate::terminal::Terminal;

/// Prints what is owned here beside what the venues say.
pub(crate) fn positions(terminal: &Terminal, of: &PositionsArgs) -> Result<Exit, Failure> {
    let path = match &of.venue {
        Some(venue) => format!("/v1/venues/{venue}/positions"),
        None => "/v1/positions".to_owned(),
    };
    show(terminal, &Client::of(&of.state)?.get(&path)?);
    Ok(Exit::Ok)
}

/// Has a slot take what the venue has.
pub(crate) fn adopt(terminal: &Terminal, of: &OwnerArgs) -> Result<Exit, Failure> {
    show(terminal, &Client::of(&of.state)?.post("/v1/positions/adopt", &owner(of))?);
    Ok(Exit::Ok)
}

/// Has the host close what a slot holds.
pub(crate) fn close(terminal: &Terminal, of: &OwnerArgs) -> Result<Exit, Failure> {
    Client::of(&of.state)?.post("/v1/positions/close", &owner(of))?;
    let text = format!("the host closes what `{}` holds of {}", of.slot, of.instrument);
    done(terminal, "closing", &text)
}

/// Lets a halted venue go on.
pub(crate) fn resume(terminal: &Terminal, of: &ResumeArgs) -> Result<Exit, Failure> {
    Client::of(&of.state)?.post("/v1/venues/resume", &json!({ "venue": of.venue }))?;
    done(terminal, "resumed", &format!("orders leave for `{}` again", of.venue))
}

fn owner(of: &OwnerArgs) -> Value {
    json!({ "slot": of.slot, "instrument": of.instrument })
}

fn done(terminal: &Terminal, code: &str, text: &str) -> Result<Exit, Failure> {
    match terminal.json {
        true => terminal.line(code, &json!({ "text": text })),
        false => terminal.page(&format!("{text}; the daemon's log says what comes of it\n")),
    }
    Ok(Exit::Ok)
}

fn show(terminal: &Terminal, rows: &Value) {
    let rows = rows.as_array().cloned().unwrap_or_default();
    if terminal.json {
        return rows.iter().for_each(|row| terminal.line("position", row));
    }
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let mut lines = table(&["venue", "of", "owned", "venue says", "", "owners"]);
    for row in &rows {
        let owners = row["owners"].as_array().cloned().unwrap_or_default();
        let owner = |of: &Value| format!("{} {}", text(&of["slot"]), text(&of["amount"]));
        let owners: Vec<_> = owners.iter().map(owner).collect();
        let halted = if row["halted"] == true { ", halted" } else { "" };
        lines.add_row([
            text(&row["venue"]),
            text(&row["what"]),
            text(&row["ours"]),
            text(&row["theirs"]),
            format!("{}{halted}", text(&row["standing"])),
            owners.join(", "),
        ]);
    }
    terminal.page(&format!("{lines}\n"));
}
