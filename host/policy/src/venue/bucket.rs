//! A venue's rate limit, as its adapter declares it.
//!
//! Comes in: an entry of `buckets:`. Goes out: its shape, capacity, window and scope. Deliberately
//! absent: counting, which is `wickd-egress`'s, and what one request costs, which the adapter says
//! with the request.

use crate::yaml::{Fields, Node, Problem, Problems};

/// Most a bucket may hold. The largest of ten venues is 200,000 orders a day.
const CAPACITY_MAX: u32 = 10_000_000;
/// Longest window, in milliseconds: a day.
const WINDOW_MS_MAX: u32 = 86_400_000;
/// Most endpoints of one bucket.
const ENDPOINTS_MAX: usize = 16;
const KEYS: [&str; 6] = ["shape", "capacity", "window_ms", "scope", "used_header", "endpoints"];

/// How a venue counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Refilled evenly; a pause saves up to the capacity.
    Token,
    /// Never more than the capacity in any window, wherever it starts.
    Rolling,
    /// Counted anew at every multiple of the window on the venue's clock.
    Fixed,
}

/// What has a count of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// This machine, as the venue sees it.
    Ip,
    /// An account.
    Account,
    /// An instrument of an account.
    Instrument,
    /// One connection.
    Connection,
}

/// One rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What requests call it.
    pub name: String,
    /// How it counts.
    pub shape: Shape,
    /// The most weight in a window.
    pub capacity: u32,
    /// The window, in milliseconds.
    pub window_ms: u32,
    /// What has a count of its own.
    pub scope: Scope,
    /// The response header in which the venue tells its own count, in lower case.
    pub used_header: Option<String>,
    /// The endpoints it is for; empty: all.
    pub endpoints: Vec<String>,
}

impl Bucket {
    pub(super) fn read(
        name: String,
        node: &Node,
        endpoints: &[super::Endpoint],
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::of(node, &KEYS, problems)?;
        let shapes =
            [("token", Shape::Token), ("rolling", Shape::Rolling), ("fixed", Shape::Fixed)];
        let scopes = [
            ("ip", Scope::Ip),
            ("account", Scope::Account),
            ("instrument", Scope::Instrument),
            ("connection", Scope::Connection),
        ];
        let shape = fields.need("shape", problems).map(|node| node.one_of(&shapes));
        let capacity = fields.need("capacity", problems).map(|n| n.integer(1..=CAPACITY_MAX));
        let window = fields.need("window_ms", problems).map(|n| n.integer(1..=WINDOW_MS_MAX));
        let scope = fields.need("scope", problems).map(|node| node.one_of(&scopes));
        let header = fields.get("used_header").map(super::header_name).transpose();
        let named = fields.get("endpoints").map(|node| {
            let items = node.list(ENDPOINTS_MAX)?;
            items.iter().map(|item| super::endpoint_name(item, endpoints)).collect()
        });
        let named: Result<Option<Vec<String>>, Problem> = named.transpose();
        let shape = shape.and_then(|it| problems.keep(it));
        let capacity = capacity.and_then(|it| problems.keep(it));
        let window_ms = window.and_then(|it| problems.keep(it));
        let scope = scope.and_then(|it| problems.keep(it));
        let used_header = problems.keep(header)?.map(|name| name.to_ascii_lowercase());
        let endpoints = problems.keep(named)?.unwrap_or_default();
        let (shape, capacity) = (shape?, capacity?);
        let (window_ms, scope) = (window_ms?, scope?);
        Some(Self { name, shape, capacity, window_ms, scope, used_header, endpoints })
    }
}
