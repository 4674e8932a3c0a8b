//! Refuses every state, with a reason full of control characters. Expected: refused with the reason
//! escaped; the old generation trades on.

use wickd_rude::Rude;

/// The guest.
pub struct RefuseRestore;

impl Rude for RefuseRestore {
    fn state_version() -> u32 {
        1
    }
    fn restore(version: u32, _: Vec<u8>) -> Result<(), String> {
        Err(format!("no \u{1b}[31mstate\u{1b}[0m of version {version} pleases me"))
    }
}

wickd_rude::export!(RefuseRestore);
