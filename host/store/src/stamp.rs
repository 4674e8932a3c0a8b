//! The stamp that the files of a state folder share, so that one from elsewhere or from earlier is noticed.
//!
//! Comes in: the files that belong together. Goes out: whether they do, and a new stamp in each.
//! Deliberately absent: what they hold.
//!
//! A stamp is the folder's number and how many times it was opened and closed. It is raised in all files
//! when a run begins and when it ends. The journal says first which one is coming, so a kill in between
//! is told from a file that was put back from a copy.

use redb::{TableDefinition, WriteTransaction};

use crate::StoreError;
use crate::database::Database;

const STAMP: TableDefinition<'static, (), (u64, u64, u64)> = TableDefinition::new("stamp");

/// Which folder a file belongs to, and how often that was opened or closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    folder: u64,
    count: u64,
    /// The count that is being written to the other files.
    coming: u64,
}

/// What a file says of where it belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    /// It is new.
    Blank,
    /// It has contents, and no stamp: version 0.1 wrote it.
    Unstamped,
    Stamped(Stamp),
}

/// One file of the folder.
pub(crate) struct Member<'m> {
    pub(crate) name: &'static str,
    pub(crate) db: &'m Database,
    /// It holds something.
    pub(crate) used: bool,
}

impl Member<'_> {
    fn mark(&self) -> Result<Mark, StoreError> {
        let found = self.db.read(|txn| {
            let table = match txn.open_table(STAMP) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(self.db.at("open the stamp")(error)),
            };
            let stamp = table.get(()).map_err(self.db.at("read the stamp"))?;
            Ok(stamp.map(|stamp| stamp.value()))
        })?;
        Ok(match (found, self.used) {
            (Some((folder, count, coming)), _) => Mark::Stamped(Stamp { folder, count, coming }),
            (None, true) => Mark::Unstamped,
            (None, false) => Mark::Blank,
        })
    }

    fn put(&self, stamp: Stamp) -> Result<(), StoreError> {
        self.db.write(|txn: &WriteTransaction| {
            let mut table = txn.open_table(STAMP).map_err(self.db.at("open the stamp"))?;
            let value = (stamp.folder, stamp.count, stamp.coming);
            table.insert((), value).map_err(self.db.at("write the stamp"))?;
            Ok(())
        })
    }
}

/// Whether the files belong together; gives the stamp they share.
fn judge(journal: Mark, others: &[(&'static str, Mark)]) -> Result<Option<Stamp>, String> {
    let lost = |name: &str| format!("{name} is missing or empty, and the others are not");
    match journal {
        Mark::Blank => match others.iter().find(|(_, mark)| *mark != Mark::Blank) {
            Some(_) => Err(lost("journal.redb")),
            None => Ok(None),
        },
        Mark::Unstamped => match others.iter().find(|(_, mark)| matches!(mark, Mark::Stamped(_))) {
            Some((name, _)) => Err(format!("journal.redb is an older copy than {name}")),
            None => Ok(None),
        },
        Mark::Stamped(own) => {
            for (name, mark) in others {
                match mark {
                    Mark::Stamped(of) if of.folder != own.folder => {
                        return Err(format!("{name} is of another state folder than journal.redb"));
                    }
                    Mark::Stamped(of) if of.count == own.count || of.count == own.coming => {}
                    Mark::Stamped(of) if of.count > own.count => {
                        return Err(format!("journal.redb is an older copy than {name}"));
                    }
                    Mark::Blank | Mark::Unstamped if own.count == 0 => {}
                    Mark::Blank => return Err(lost(name)),
                    Mark::Stamped(_) | Mark::Unstamped => {
                        return Err(format!("{name} is an older copy than journal.redb"));
                    }
                }
            }
            Ok(Some(own))
        }
    }
}

/// Raises the stamp of files that belong together. Where they do not, nothing changes, unless `anyway`.
pub(crate) fn raise(
    journal: &Member<'_>,
    others: &[Member<'_>],
    anyway: bool,
    draw: impl FnOnce() -> u64,
) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    let own = journal.mark().map_err(text)?;
    let mut marks = Vec::new();
    for of in others {
        marks.push((of.name, of.mark().map_err(text)?));
    }
    let known = match judge(own, &marks) {
        Ok(known) => known,
        Err(why) if !anyway => return Err(why),
        // From now on they are a folder of their own.
        Err(_) => None,
    };
    let known = known.unwrap_or_else(|| Stamp { folder: draw(), count: 0, coming: 0 });
    let next = Stamp { folder: known.folder, count: known.coming + 1, coming: known.coming + 1 };
    // With an unknown folder number the others would contradict it until all are written.
    let coming = Stamp { count: if anyway { 0 } else { known.count }, ..next };
    journal.put(coming).map_err(text)?;
    others.iter().try_for_each(|of| of.put(next)).map_err(text)?;
    journal.put(next).map_err(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mark::{Blank, Unstamped};

    fn stamped(folder: u64, count: u64, coming: u64) -> Mark {
        Mark::Stamped(Stamp { folder, count, coming })
    }

    fn of(journal: Mark, state: Mark, ledger: Mark) -> Result<Option<Stamp>, String> {
        judge(journal, &[("state.redb", state), ("venue.redb", ledger)])
    }

    #[test]
    fn files_that_belong_together_agree_even_after_a_kill_in_the_middle_of_a_stamp() {
        assert_eq!(of(Blank, Blank, Blank), Ok(None));
        assert_eq!(of(Unstamped, Blank, Unstamped), Ok(None));
        let own = stamped(7, 4, 5);
        for (state, ledger) in [(4, 4), (5, 4), (5, 5)] {
            assert!(of(own, stamped(7, state, state), stamped(7, ledger, ledger)).is_ok());
        }
        assert!(of(stamped(7, 0, 1), stamped(7, 1, 1), Blank).is_ok());
    }

    #[test]
    fn a_file_that_is_missing_older_or_from_elsewhere_is_named() {
        let five = stamped(7, 5, 5);
        let cases = [
            (Blank, five, five, "journal.redb is missing"),
            (five, Blank, five, "state.redb is missing"),
            (five, five, Blank, "venue.redb is missing"),
            (stamped(7, 3, 3), five, five, "journal.redb is an older copy than state.redb"),
            (five, stamped(7, 4, 4), five, "state.redb is an older copy"),
            (five, five, Unstamped, "venue.redb is an older copy"),
            (Unstamped, five, five, "journal.redb is an older copy"),
            (five, stamped(8, 5, 5), five, "state.redb is of another state folder"),
        ];
        for (journal, state, ledger, expected) in cases {
            let why = of(journal, state, ledger).unwrap_err();
            assert!(why.starts_with(expected), "{why} where {expected}");
        }
    }
}
