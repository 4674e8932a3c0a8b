//! `wickd backup` and `wickd restore`: whole copies of a state folder, out and back in.
//!
//! Comes in: a state folder that no daemon has. Goes out: a durable copy, or the copy in its place.
//! Deliberately absent: which files those are, which the store knows.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use wickd_store::Folder;

use crate::check::shown;
use crate::cli::StatePath;
use crate::exit::{Exit, Failure};
use crate::terminal::Terminal;

/// Copies the state folder to `to`.
pub(crate) fn backup(terminal: &Terminal, to: &Path, state: StatePath) -> Result<Exit, Failure> {
    let folder = crate::journal::open(&state, "journal")?;
    let bytes = folder.copy_to(to)?;
    match terminal.json {
        true => terminal.line("copied", &json!({ "to": to, "bytes": bytes })),
        false => terminal.page(&format!("{} bytes of state are in {}\n", bytes, shown(to))),
    }
    Ok(Exit::Ok)
}

/// Puts the copy `from` in the state folder's place.
pub(crate) fn restore(terminal: &Terminal, from: &Path, state: StatePath) -> Result<Exit, Failure> {
    if !from.join("journal.redb").is_file() {
        let text = format!("there is no journal in {}", from.display());
        return Err(Failure::new(Exit::NoInput, text).hint("name a folder made by `wickd backup`"));
    }
    let folder = Folder::open(&state.dir()?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let (bytes, aside) = folder.restore_from(from, now)?;
    match terminal.json {
        true => terminal.line("restored", &json!({ "bytes": bytes, "replaced": aside })),
        false => terminal.page(&format!(
            "{bytes} bytes of state are back; what was there is in {}\nThe next run has an epoch of its \
             own, so no order id comes twice. What was traded since the copy was made it does not know: \
             hold positions and orders against the venue's.\n",
            shown(&aside)
        )),
    }
    Ok(Exit::Ok)
}
