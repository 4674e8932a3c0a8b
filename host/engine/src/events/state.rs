//! Events of the state folder: what it remembers and the configuration does not say, and its room.

use super::events;

events! {
    /// Of the state folder.
    "state" StateEvent {
        /// A journal of version 0.1 was taken over; nothing was held and no order open.
        Numbered {} = "journal-numbered", kept [Info],
            "version 0.1 wrote the journal, which knew instruments by their places only; nothing was held \
             and no order open, so it goes on with numbers, and plugins start without the states they saved";
        /// An instrument has other scales, and every amount of it was converted exactly.
        Rescaled { what: String } = "instrument-rescaled", kept [Info], what.as_str();
        /// An instrument has other scales that what is held does not fit; its slots do not trade.
        RescaleRefused { what: String, mend: String } = "instrument-rescale-refused", [Error],
            what.as_str(), fix: mend.as_str();
        /// A slot that no line of the configuration has holds something or has open orders.
        SlotRetired { what: String } = "slot-retired", [Warn], what.as_str(),
            fix: "write its line again, or `wickd adopt` or `wickd close` what it has";
        /// A slot holds an instrument, or has open orders of it, that it does not trade any more.
        InstrumentRetired { what: String } = "instrument-retired", [Warn], what.as_str(),
            fix: "write the instrument again, or `wickd adopt` or `wickd close` what it has";
        /// Open orders are at venues that no line of the configuration has, so they cannot be asked for.
        OrdersUnasked { orders: usize, venues: String } = "orders-unasked", [Error], format!(
                "{orders} orders of earlier runs may be open at {venues}, and orders do not leave for there \
                 any more: how they stand is not known"
            ), fix: "write the venue under `venues:` again, with `trade: true`";
        /// The archive of old records is as large as it may be, and lost its oldest files.
        ArchiveFull { files: u64 } = "archive-full", [Warn],
            format!("{files} of the oldest files of the archive left for want of room"),
            fix: "copy the state folder with `wickd backup` from time to time";
        /// Old records could not be added up, so the journal grows.
        CheckpointFailed { why: String } = "checkpoint-failed", [Error], format!("no checkpoint: {why}"),
            fix: "mend the disk and restart";
        /// The disk of the state folder is nearly full.
        DiskLow { free_mb: u64, min_mb: u64 } = "disk-low", [Warn], format!(
                "{free_mb} MB are free on the disk of the state folder, and `disk_free_min_mb` is {min_mb}; \
                 without room no order is sent"
            ), fix: "free space on that disk";
        /// The state folder could not be closed in good order.
        NotClosed { why: String } = "state-not-closed", [Warn],
            format!("the state folder could not be closed in good order: {why}"), fix: "check the disk";
    }
}
