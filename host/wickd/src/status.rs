//! `wickd status`: what runs in the daemon of a state folder, and why what does not run does not.

use crate::api::client::Client;
use crate::cli::StatePath;
use crate::exit::{Exit, Failure};
use crate::figures::grouped;
use crate::summary::table;
use crate::terminal::Terminal;

/// Prints the slots.
pub(crate) fn show(terminal: &Terminal, state: &StatePath) -> Result<Exit, Failure> {
    let slots = Client::of(state)?.get("/v1/slots")?;
    let slots = slots.as_array().cloned().unwrap_or_default();
    if terminal.json {
        slots.iter().for_each(|slot| terminal.line("slot", slot));
        return Ok(Exit::Ok);
    }
    let mut rows = table(&[
        "slot", "plugin", "state", "ticks", "orders", "denied", "last", "fills", "PnL", "why",
    ]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &serde_json::Value| grouped(value.as_u64().unwrap_or_default());
    for slot in &slots {
        rows.add_row([
            text(&slot["name"]),
            format!("{} {}", text(&slot["plugin"]), text(&slot["version"])).trim_end().to_owned(),
            text(&slot["state"]),
            number(&slot["events"]),
            number(&slot["orders"]),
            number(&slot["denials"]),
            text(&slot["last_denial"]),
            number(&slot["fills"]),
            match &slot["pnl"] {
                serde_json::Value::Null => "unknown".to_owned(),
                pnl => format!("{} {}", text(&pnl["amount"]), text(&pnl["currency"])),
            },
            text(&slot["why"]),
        ]);
    }
    terminal.page(&format!("{rows}\n"));
    Ok(Exit::Ok)
}
