//! What sidecars lower, and that it stays lowered.
//!
//! Comes in: the sidecars that stand beside a component now, and what was remembered of those that stood
//! there before. Goes out: the limits they lower. A sidecar that goes away, or that others can write,
//! takes nothing back: what it lowered stays until a sidecar says otherwise, after a restart too.
//! Deliberately absent: raising; that is the configuration's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use wickd_model::TsNs;
use wickd_policy::LimitsPatch;

use super::Refusal;
use crate::control::AcceptedRecord;

/// An operator's `plugin.yaml`, read.
pub(super) struct Sidecar {
    pub(super) bytes: Vec<u8>,
    /// It stands for a whole folder, and not for one file.
    pub(super) is_shared: bool,
}

/// The limits one of them lowers, and whose it is.
pub(super) struct Lowered {
    pub(super) is_shared: bool,
    pub(super) limits: LimitsPatch,
}

/// What becomes of a component's limits.
pub(super) struct Kept {
    pub(super) limits: LimitsPatch,
    /// A sidecar that lowered these is not there, and they stay.
    pub(super) orphaned: Vec<String>,
}

/// What is lowered by those that are there and by those that were.
pub(super) fn keep(
    record: &AcceptedRecord,
    component: &Path,
    there: &[Lowered],
    now: TsNs,
) -> Result<Kept, Refusal> {
    let mut kept = Kept { limits: LimitsPatch::default(), orphaned: Vec::new() };
    for is_shared in [true, false] {
        let found = there.iter().find(|of| of.is_shared == is_shared).map(|of| &of.limits);
        let Some(record) = record else {
            kept.limits = kept.limits.and(found.unwrap_or(&LimitsPatch::default()));
            continue;
        };
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{} {}", component.display(), if is_shared { "folder" } else { "own" });
        match found {
            Some(limits) => {
                let values: BTreeMap<String, u64> =
                    limits.values().map(|(name, value)| (name.to_owned(), value)).collect();
                record.set_lowered(&key, values, now).map_err(|error| {
                    let reason = format!("its sidecar was not remembered: {error}");
                    Refusal::new("manifest", reason, "mend the state folder")
                })?;
                kept.limits = kept.limits.and(limits);
            }
            None => {
                let Some(values) = record.lowered(&key) else { continue };
                let values = values.iter().map(|(name, value)| (name.as_str(), *value));
                let limits = LimitsPatch::of(values);
                kept.orphaned.extend(limits.lines());
                kept.limits = kept.limits.and(&limits);
            }
        }
    }
    Ok(kept)
}
