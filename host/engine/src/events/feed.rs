//! Events of feeds.

use super::events;

events! {
    /// Of a feed.
    "feed" FeedEvent {
        /// A feed cannot go on.
        Failed { why: String } = "feed-failed", [Error], why.as_str(),
            fix: "mend the file, or set `on_broken_row: skip`; the other feeds go on";
        /// A feed has left out rows that it could not read.
        RowsSkipped { feed: String, rows: u64, first: String } = "feed-rows-skipped", [Warn],
            format!("feed {feed}: {rows} broken rows were left out; the first: {first}"),
            fix: "mend the file";
        /// How often each thing was refused a feed in this run.
        Counts { counts: String } = "feed-counts", kept [Info], format!("in this run: {counts}");
    }
}
