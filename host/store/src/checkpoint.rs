//! What the records up to a number came to, so that a start need not read them.
//!
//! Comes in: positions and open orders as the engine has added them up. Goes out: the same. Deliberately
//! absent: the adding up, which knows what a fill does to a position.

use redb::{ReadTransaction, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use wickd_model::{Cash, InstrumentId, IntentId};

use crate::database::Database;
use crate::{Record, StoreError, seal};

/// The one checkpoint, sealed under the number of the last record it speaks for.
const CHECKPOINT: TableDefinition<'static, (), (u64, &[u8])> = TableDefinition::new("checkpoint");

/// What the records up to a number came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the last journal record it speaks for; 0 where there is no checkpoint.
    pub upto: u64,
    /// What every slot had of every instrument it ever traded.
    pub positions: Vec<Carried>,
    /// The records of orders that were not done, and of the day that had begun, in their order.
    pub open: Vec<Record>,
    /// Each slot's last intent: what the paper venue's ledger has up to it and `open` has not is done.
    pub intents: Vec<(u32, IntentId)>,
    /// What every slot had at the paper venue.
    pub paper: Vec<PaperCarried>,
    /// The highest number of a fill at the paper venue.
    pub trade_id: u64,
    /// Which slot traded which instrument, and whether for real.
    pub traded: Vec<(u32, InstrumentId, bool)>,
}

/// A position as its records add up, exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Carried {
    /// Whose.
    pub slot: u32,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Held; negative when short.
    pub size: i64,
    /// Base units held beside it, times `10^8`: less than one unit of the size.
    pub rest: Cash,
    /// How much of it came when there was no price.
    pub uncosted: i64,
    /// Price times size at the instrument's two scales, of what is held.
    pub cost: i128,
    /// The same of what was earned.
    pub realised: i128,
    /// Twice the price of the last fill; 0 for none.
    pub known: i128,
    /// Fees paid.
    pub fees: Cash,
}

/// What a slot had of an instrument at the paper venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PaperCarried {
    /// Whose.
    pub slot: u32,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Held; negative when short.
    pub size: i64,
    /// Cash earned or spent there.
    pub cash: Cash,
}

/// The checkpoint of a file; empty where there is none.
pub(crate) fn read(db: &Database, txn: &ReadTransaction) -> Result<Checkpoint, StoreError> {
    let table = match txn.open_table(CHECKPOINT) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Checkpoint::default()),
        Err(error) => return Err(db.at("open the checkpoint")(error)),
    };
    let Some(found) = table.get(()).map_err(db.at("read the checkpoint"))? else {
        return Ok(Checkpoint::default());
    };
    let (number, sealed) = found.value();
    let damaged = |reason: String| db.damaged(number, format!("the checkpoint: {reason}"));
    let payload = seal::open(number, sealed).map_err(damaged)?;
    serde_json::from_slice(payload).map_err(|error| damaged(error.to_string()))
}

/// Puts a checkpoint in the place of the one before it.
pub(crate) fn write(
    db: &Database,
    txn: &WriteTransaction,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    let payload = serde_json::to_vec(checkpoint).map_err(|error| StoreError::Database {
        what: "encode the checkpoint",
        path: db.path().to_owned(),
        source: error.into(),
    })?;
    let sealed = seal::seal(checkpoint.upto, &payload);
    let mut table = txn.open_table(CHECKPOINT).map_err(db.at("open the checkpoint"))?;
    let value = (checkpoint.upto, &sealed[..]);
    table.insert((), value).map_err(db.at("write the checkpoint"))?;
    Ok(())
}
