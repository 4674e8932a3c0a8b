//! What a component of a computing world is told when it wants the network.
//!
//! Comes in: the name of something a component would import. Goes out: the refusal, where it is a way
//! out. Deliberately absent: the worlds that do get a way out; what they may reach is decided request
//! by request, from grants.

use wickd_model::printable;

/// Longest import name quoted, in bytes.
const NAME_BYTES_MAX: usize = 96;

/// Why a component that wants the network is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "import `{import}`: it is a way to the network, and wickd grants none to a plugin that computes; \
     remove what uses it: market data comes as events, orders leave through `trading`"
)]
pub struct Refusal {
    /// The import, bounded and printable.
    pub import: String,
}

/// The refusal, where `import` is a way out; `None` where it is none of this crate's business.
pub fn refuse(import: &str) -> Option<Refusal> {
    let leads_out = import.starts_with("wasi:sockets/") || import.starts_with("wasi:http/");
    leads_out.then(|| Refusal { import: printable(import.as_bytes(), NAME_BYTES_MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_the_network_is_refused_by_name() {
        for import in
            ["wasi:sockets/tcp@0.2.6", "wasi:http/outgoing-handler@0.2.0", "wasi:http/\u{1b}"]
        {
            let told = refuse(import).map(|refusal| refusal.to_string()).unwrap_or_default();
            assert!(told.contains("grants none") && !told.contains('\u{1b}'), "{import}: {told}");
        }
    }

    #[test]
    fn what_is_no_way_out_is_left_to_others() {
        for import in
            ["wasi:cli/environment@0.2.6", "wickd:plugin/trading@0.1.0", "", "wasi:httpx/a"]
        {
            assert_eq!(refuse(import), None);
        }
    }
}
