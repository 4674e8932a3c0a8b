//! The text of a client order id, as venues see it and say it again.
//!
//! `w`, the journal's number, the epoch of the run, the slot, its intent, all to the base 36 with `x`
//! between them. Every run has an epoch of its own, so no id comes twice, from whatever copy of the
//! state folder a run began. Version 0.1 wrote none.

use wickd_model::ClientId;

use super::convert::base36;

/// Highest slot in an id: the journal numbers no more.
const SLOT_MAX: u32 = 46_655;
/// Highest intent in an id: at a thousand orders a second it lasts three thousand years.
const INTENT_MAX: u64 = 101_559_956_668_415;
/// Where the epoch would stand, in ids of version 0.1.
const NO_EPOCH: u32 = 0;

/// What stands in the client ids of one journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientIds {
    /// The journal's number.
    pub(crate) house: u32,
    /// This run's epoch.
    pub(crate) epoch: u32,
    /// Those of earlier runs that the journal knows of.
    pub(crate) earlier: Vec<u32>,
}

/// Who gave a client id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// This journal, in a run that it knows of.
    Ours(ClientId),
    /// This journal, in a run that it does not know of: it is an older copy.
    Lost,
    /// Somebody else.
    Foreign,
}

impl ClientIds {
    /// Who gave an id, the venue's own prefix taken off.
    pub(crate) fn whose(&self, id: &str) -> Whose {
        let own = format!("w{}x", base36(u64::from(self.house)));
        let Some(rest) = id.strip_prefix(&own) else { return Whose::Foreign };
        let number = |text: &str| u64::from_str_radix(text, 36).ok();
        let Some(parts) = rest.split('x').map(number).collect::<Option<Vec<_>>>() else {
            return Whose::Foreign;
        };
        let (epoch, slot, intent) = match parts[..] {
            [slot, intent] => (NO_EPOCH, slot, intent),
            [epoch, slot, intent] => (u32::try_from(epoch).unwrap_or(u32::MAX), slot, intent),
            _ => return Whose::Foreign,
        };
        let Ok(slot) = u32::try_from(slot) else { return Whose::Foreign };
        match epoch == NO_EPOCH || epoch == self.epoch || self.earlier.contains(&epoch) {
            true => Whose::Ours(ClientId { slot, intent }),
            false => Whose::Lost,
        }
    }
}

/// The text of a client id, with what the venue wants in front.
pub fn client_text(prefix: &str, house: u32, epoch: u32, slot: u32, intent: u64) -> String {
    let [house, epoch, slot, intent] =
        [u64::from(house), u64::from(epoch), u64::from(slot), intent].map(base36);
    match epoch.as_str() {
        of if of == base36(u64::from(NO_EPOCH)) => format!("{prefix}w{house}x{slot}x{intent}"),
        _ => format!("{prefix}w{house}x{epoch}x{slot}x{intent}"),
    }
}

/// The longest there can be.
pub fn longest_client_text(prefix: &str) -> String {
    client_text(prefix, u32::MAX, u32::MAX, SLOT_MAX, INTENT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_run_that_the_journal_does_not_know_is_told_from_ours_and_from_strangers() {
        let ids = ClientIds { house: 77, epoch: 1_000, earlier: vec![5, 6] };
        let whose = |house, epoch| ids.whose(&client_text("", house, epoch, 1, 9));
        let ours = Whose::Ours(ClientId { slot: 1, intent: 9 });
        assert_eq!([whose(77, 1_000), whose(77, 6), whose(77, 0)], [ours; 3]);
        assert_eq!(whose(77, 7), Whose::Lost);
        assert_eq!([whose(78, 6), ids.whose("web_1"), ids.whose("")], [Whose::Foreign; 3]);
    }

    #[test]
    fn the_longest_id_fits_the_shortest_that_venues_take() {
        // OKX takes 32 of letters and digits.
        assert!(longest_client_text("").len() <= 32, "{}", longest_client_text(""));
    }
}
