//! The operator's approval while no daemon runs.
//!
//! Comes in: a plan, a place, a digest. Goes out: the same record that a running daemon would write.
//! The bytes are looked for in the watched folders, so that a slip of the pen leaves no place empty;
//! what they ask for is read when the daemon starts. Deliberately absent: reading a stranger's
//! component, which is a child's business.

use std::io::Read;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use wickd_model::{Digest, TsNs};
use wickd_policy::acceptance::Accept;
use wickd_store::{Accepted, Folder};

use crate::control::{NotApproved, resolve};
use crate::intake::look;
use crate::plan::Plan;

/// Makes bytes the holder of a place, which may be named without its kind, from the next start on.
///
/// # Errors
/// There is no such place or no such file, or the state folder cannot be written.
pub fn approve(plan: &Plan, text: &str, digest: Digest, now: TsNs) -> Result<String, NotApproved> {
    let place = resolve(places(plan, text), text, |_| false)?;
    let path = find(plan, &digest).ok_or(NotApproved::NoBytes(digest))?;
    let failed = |error| NotApproved::Record(crate::intake::chain(&error));
    let folder = Folder::open(&plan.state_dir).map_err(failed)?;
    let accepted = Accepted {
        digest,
        plugin: String::new(),
        version: None,
        path: path.to_string_lossy().into_owned(),
        ts_ns: now,
        how: "approved".to_owned(),
        rights: None,
        other: Default::default(),
    };
    let mut record = folder.accepted().map_err(failed)?;
    record.accept(&place, accepted).map_err(failed)?;
    Ok(format!("{place}: {} is approved from the next start on", path.display()))
}

/// Every place of a plan. An input is known only once it runs, so it is taken as it is written.
fn places(plan: &Plan, text: &str) -> Vec<(String, Accept)> {
    let named = |kind: &str, name: &dyn std::fmt::Display| format!("{kind}/{name}");
    let mut places = Vec::new();
    for slot in &plan.slots {
        let place = named("slot", &slot.name);
        let inputs = [format!("{place}/"), format!("{}/", slot.name)];
        for input in inputs.iter().filter_map(|of| text.strip_prefix(of.as_str())) {
            places.push((format!("{place}/{input}"), slot.accept.clone()));
        }
        places.push((place, slot.accept.clone()));
    }
    places.extend(plan.venues.iter().map(|of| (named("venue", &of.name), of.accept.clone())));
    let feeds = plan.plugin_feeds.iter().map(|of| ("feed", &of.post));
    let posts = feeds.chain(plan.utilities.iter().map(|of| ("utility", &of.post)));
    places.extend(posts.map(|(kind, post)| (named(kind, &post.name), post.accept.clone())));
    places
}

/// The file in the watched folders that has these bytes.
fn find(plan: &Plan, digest: &Digest) -> Option<PathBuf> {
    for folder in &plan.folders {
        for (path, component) in look::look(folder, |_| false).components {
            let Ok(component) = component else { continue };
            let Ok(file) = std::fs::File::open(&component.real) else { continue };
            let mut bytes = Vec::new();
            let read = file.take(plan.limits.component_bytes).read_to_end(&mut bytes);
            if read.is_ok() && Digest(Sha256::digest(&bytes).into()) == *digest {
                return Some(path);
            }
        }
    }
    None
}
