//! How many instances a component makes, counted without making any.
//!
//! Comes in: the payloads of a component in their order. Goes out: the depth, or the bound that is
//! passed. In a file of a thousand bytes each component can instantiate the one before it twice, and
//! compiler and loader would hold all 2^n of them. Deliberately absent: what the instances are.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Payload,
};

use crate::inspect::{InspectError, invalid};

/// Instances of modules and components in a whole component: an interpreter has some fifty.
const INSTANCES_MAX: u32 = 1_000;
/// Components within components: a build has one level, a composition of builds two or three.
const NESTING_MAX: usize = 32;

/// The scopes that are open, the whole component's first.
pub(crate) struct Tally(Vec<Scope>);

/// A component, or a module (which makes nothing).
#[derive(Default)]
struct Scope {
    /// Instances that one instance of it makes, itself included.
    makes: u32,
    /// The same for each component it can name, in the order of their numbers.
    components: Vec<u32>,
    is_module: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self(vec![Scope { makes: 1, ..Scope::default() }])
    }
}

impl Tally {
    /// How deep the payload to come stands: 0 in the component itself.
    pub(crate) fn nesting(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// Counts one payload of a valid component.
    pub(crate) fn payload(&mut self, payload: &Payload<'_>) -> Result<(), InspectError> {
        match payload {
            Payload::ModuleSection { .. } => self.open(true)?,
            Payload::ComponentSection { .. } => self.open(false)?,
            Payload::End(_) => self.close(),
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    if matches!(instance.map_err(invalid)?, Instance::Instantiate { .. }) {
                        self.make(1)?;
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } =
                        instance.map_err(invalid)?
                    {
                        self.make(self.makes(0, component_index)?)?;
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.alias(&alias.map_err(invalid)?)?;
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export.map_err(invalid)?;
                    // What is exported has a second number from there on.
                    if export.kind == ComponentExternalKind::Component {
                        self.name(self.makes(0, export.index)?);
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    if matches!(import.map_err(invalid)?.ty, ComponentTypeRef::Component(_)) {
                        return Err(InspectError::PassesComponents);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), InspectError> {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                self.name(self.makes(*count as usize, *index)?);
                Ok(())
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                Err(InspectError::PassesComponents)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, is_module: bool) -> Result<(), InspectError> {
        if self.0.len() > NESTING_MAX {
            return Err(InspectError::TooMany(format!("{NESTING_MAX} levels of components")));
        }
        self.0.push(Scope { makes: 1, is_module, ..Scope::default() });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Scope { makes, is_module: false, .. }) = self.0.pop() {
            self.name(makes);
        }
    }

    /// The next number for a component in the innermost scope.
    fn name(&mut self, makes: u32) {
        if let Some(scope) = self.0.last_mut() {
            scope.components.push(makes);
        }
    }

    /// What an instance of a component makes that is known `out` scopes further out.
    fn makes(&self, out: usize, index: u32) -> Result<u32, InspectError> {
        let scope = self.0.iter().rev().nth(out);
        let makes = scope.and_then(|scope| scope.components.get(index as usize));
        // A valid component names only what is there; were one not, its number is not known.
        makes.copied().ok_or(InspectError::PassesComponents)
    }

    fn make(&mut self, instances: u32) -> Result<(), InspectError> {
        let Some(scope) = self.0.last_mut() else { return Ok(()) };
        scope.makes = scope.makes.saturating_add(instances);
        if scope.makes > INSTANCES_MAX {
            return Err(InspectError::TooMany(format!("{INSTANCES_MAX} instances")));
        }
        Ok(())
    }
}
