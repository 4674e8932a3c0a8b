//! What a component says of itself, and what it may import: decided before it is compiled.
//!
//! Comes in: a description and perhaps a sidecar. Goes out: its manifest with the operator's limits, or
//! a refusal. The child asks before it compiles, the daemon asks again, because it does not believe the
//! child. Deliberately absent: reading files, and running anything.

use wickd_policy::Manifest;

use super::answer::Description;
use super::sidecars::{Lowered, Sidecar};
use super::{Refusal, house_version};

/// Version stamp, manifest, sidecar and the requirement on the house itself.
pub(super) fn described(
    description: &Description,
    sidecars: &[Sidecar],
) -> Result<(Manifest, Vec<Lowered>), Refusal> {
    wickd_policy::wit_compatible(&description.wit).map_err(|error| {
        Refusal::new("version", error, "build it with the SDK of this wickd's version")
    })?;
    let manifest = Manifest::of(&description.manifest).map_err(|error| {
        let reason = format!("the embedded plugin.yaml: {error}");
        Refusal::new("manifest", reason, "mend the plugin's plugin.yaml and build it again")
    })?;
    if manifest.world != description.world {
        let reason = format!(
            "plugin.yaml says `world: {}`, the component exports `{}`",
            manifest.world.name(),
            description.world.name()
        );
        return Err(Refusal::new("world", reason, "make them agree and build it again"));
    }
    let (mut manifest, mut lowered) = (manifest, Vec::new());
    for sidecar in sidecars {
        let text = std::str::from_utf8(&sidecar.bytes).map_err(|error| {
            Refusal::new("manifest", format!("the sidecar: {error}"), "save it as UTF-8")
        })?;
        let named = Manifest::named_in(text);
        if sidecar.is_shared && named.is_some_and(|name| name != manifest.name) {
            continue;
        }
        let (merged, limits) = manifest.with_sidecar(text).map_err(|error| {
            let reason = format!("the sidecar plugin.yaml: {error}");
            Refusal::new("manifest", reason, "mend the sidecar; it is read again when it rests")
        })?;
        manifest = merged;
        lowered.push(Lowered { is_shared: sidecar.is_shared, limits });
    }
    let range = manifest.requires.iter().find(|(name, _)| name.as_str() == wickd_policy::HOST);
    if let Some((_, range)) = range
        && !range.matches(&house_version())
    {
        let reason = format!("{} needs wickd {range}, this is {}", manifest.name, house_version());
        return Err(Refusal::new("version", reason, "update wickd, or use an older plugin"));
    }
    Ok((manifest, lowered))
}

/// What it imports against what its world may have.
pub(super) fn rights(description: &Description) -> Result<(), Refusal> {
    for import in &description.imports {
        let leads_out = wickd_egress::refuse(import);
        if let Some(refusal) = leads_out.filter(|_| !description.world.calls_out()) {
            let fix = "remove what uses the network from the plugin";
            return Err(Refusal::new("rights", refusal, fix));
        }
        wickd_policy::imports_allowed(description.world, import).map_err(|denial| {
            let reason = format!("import `{}`: {}", denial.import, denial.reason);
            Refusal::new("rights", reason, denial.fix)
        })?;
    }
    Ok(())
}
