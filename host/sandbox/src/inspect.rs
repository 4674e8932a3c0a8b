//! Reads a component without running it: is it whole, what is it, what does it ask for.

use sha2::{Digest as _, Sha256};
use wasmparser::{CanonicalOption, Parser, Payload, Validator, WasmFeatures};
use wickd_model::{Digest, World, printable};

use crate::tally::Tally;

/// The custom section that carries `plugin.yaml`.
const MANIFEST_SECTION: &str = "wickd:manifest";
/// The custom section that carries the version of `wit/` the plugin was built for.
const WIT_SECTION: &str = "wickd:wit";
/// Largest manifest: a page of text.
const MANIFEST_BYTES_MAX: usize = 64 << 10;
/// Functions in all modules of a component: a Python interpreter has some 20,000.
const FUNCTIONS_MAX: u32 = 200_000;
/// Locals in all functions, as declared: a file of 160 KB can declare a thousand million, each of which
/// the compiler has to set to zero. An interpreter has less than one million.
const LOCALS_MAX: u64 = 10_000_000;
/// Longest body of one function, in bytes: the compiler's time and memory rise faster than the length.
/// The longest of a Python interpreter has 200,000.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Types declared in all modules and components: an interpreter has some thousand.
const TYPES_MAX: u32 = 100_000;
/// Imports shown and checked.
pub const IMPORTS_MAX: usize = 256;
/// Longest name of an import or export kept.
pub const NAME_BYTES_MAX: usize = 128;

/// Why bytes are not a plugin.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InspectError {
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// Not WebAssembly at all.
    #[error("not WebAssembly: it starts with {0}")]
    NotWasm(String),
    /// A module, not a component.
    #[error("a core module, not a component; build with `--target wasm32-wasip2`")]
    CoreModule,
    /// Cut short or damaged.
    #[error("not a whole component: {message} at byte {offset}")]
    Invalid {
        /// What the validator said.
        message: String,
        /// Where.
        offset: usize,
    },
    /// Exports no world of ours.
    #[error("exports none of the worlds of `wit/` (exports: {0})")]
    NoWorld(String),
    /// Exports more than one.
    #[error("exports several worlds; one component is one plugin")]
    SeveralWorlds,
    /// No version stamp.
    #[error("carries no `wickd:wit` section; build it with the SDK")]
    NoStamp,
    /// No manifest.
    #[error("carries no `wickd:manifest` section; build it with the SDK")]
    NoManifest,
    /// A section is too large or not text.
    #[error("the section `{0}` is not text of at most 64 KiB")]
    BadSection(&'static str),
    /// The same section twice.
    #[error("the section `{0}` appears twice")]
    TwoSections(&'static str),
    /// Strings in an encoding that only attackers use.
    #[error("passes strings as UTF-16 or Latin-1; only UTF-8 is taken")]
    Encoding,
    /// Resources of its own: their handles live in the host's memory, and no limit counts them.
    #[error("makes resources of its own; no world here has any")]
    OwnResources,
    /// A component as a value, so that nobody can tell beforehand what it makes.
    #[error("passes components about as values; only instances are taken")]
    PassesComponents,
    /// Too many of something.
    #[error("has more than {0}")]
    TooMany(String),
}

/// What a component says of itself.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What it exports.
    pub world: World,
    /// The version of `wit/` it was built for, as stamped.
    pub wit: String,
    /// Its embedded manifest, as YAML text.
    pub manifest: String,
    /// Names of its imports, printable.
    pub imports: Vec<String>,
    /// Functions in all its modules.
    pub functions: u32,
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// Counts, validates every byte and reads the sections. Runs nothing, keeps nothing unbounded.
///
/// The parser goes down into nested types by recursion and the validator has no bound of time, so a
/// daemon calls this in a child process only.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    recognise(bytes)?;
    // Counting first: it is one pass over the sections, and the validator's work is what is counted.
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(bytes) {
        seen.payload(payload.map_err(invalid)?)?;
    }
    Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
    Ok(Inspection {
        world: seen.world()?,
        wit: seen.wit.ok_or(InspectError::NoStamp)?,
        manifest: seen.manifest.ok_or(InspectError::NoManifest)?,
        imports: seen.imports,
        functions: seen.functions,
    })
}

/// The proposals the engine has on, and no other.
fn features() -> WasmFeatures {
    WasmFeatures::MVP
        | WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::SIMD
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::FLOATS
}

pub(crate) fn invalid(error: wasmparser::BinaryReaderError) -> InspectError {
    let message = printable(error.message().as_bytes(), 200);
    InspectError::Invalid { message, offset: error.offset() }
}

/// Tells apart what people drop by mistake, before the validator gives up on byte 0.
fn recognise(bytes: &[u8]) -> Result<(), InspectError> {
    if bytes.is_empty() {
        return Err(InspectError::Empty);
    }
    if !bytes.starts_with(b"\0asm") {
        let start = &bytes[..bytes.len().min(16)];
        let what = match start {
            [0x7f, b'E', b'L', b'F', ..] => "an ELF header (compiled code is never taken)".into(),
            [b'(', ..] => "`(` (WebAssembly text is never taken)".into(),
            _ => format!("`{}`", printable(start, 48)),
        };
        return Err(InspectError::NotWasm(what));
    }
    match bytes.get(4..8) {
        Some([_, 0, 0, 0]) => Err(InspectError::CoreModule),
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Seen {
    exports: Vec<String>,
    imports: Vec<String>,
    manifest: Option<String>,
    wit: Option<String>,
    functions: u32,
    locals: u64,
    types: u32,
    tally: Tally,
}

impl Seen {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), InspectError> {
        let nesting = self.tally.nesting();
        self.tally.payload(&payload)?;
        match payload {
            Payload::ComponentImportSection(imports) if nesting == 0 => {
                for import in imports {
                    let import = import.map_err(invalid)?;
                    if self.imports.len() == IMPORTS_MAX {
                        return Err(InspectError::TooMany(format!("{IMPORTS_MAX} imports")));
                    }
                    self.imports.push(printable(import.name.name.as_bytes(), NAME_BYTES_MAX));
                }
            }
            Payload::ComponentExportSection(exports) if nesting == 0 => {
                for export in exports.into_iter().take(IMPORTS_MAX) {
                    let export = export.map_err(invalid)?;
                    self.exports.push(printable(export.name.name.as_bytes(), NAME_BYTES_MAX));
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    self.canonical(&function.map_err(invalid)?)?;
                }
            }
            Payload::FunctionSection(functions) => {
                self.functions = self.functions.saturating_add(functions.count());
                if self.functions > FUNCTIONS_MAX {
                    return Err(InspectError::TooMany(format!("{FUNCTIONS_MAX} functions")));
                }
            }
            Payload::TypeSection(types) => self.types(types.count())?,
            Payload::CoreTypeSection(types) => self.types(types.count())?,
            Payload::ComponentTypeSection(types) => self.types(types.count())?,
            Payload::CodeSectionEntry(body) => {
                if body.as_bytes().len() > BODY_BYTES_MAX {
                    let most = format!("{BODY_BYTES_MAX} bytes in one function");
                    return Err(InspectError::TooMany(most));
                }
                for locals in body.get_locals_reader().map_err(invalid)? {
                    self.locals += u64::from(locals.map_err(invalid)?.0);
                }
                if self.locals > LOCALS_MAX {
                    return Err(InspectError::TooMany(format!("{LOCALS_MAX} locals")));
                }
            }
            Payload::CustomSection(section) => match section.name() {
                MANIFEST_SECTION => take(&mut self.manifest, MANIFEST_SECTION, section.data())?,
                WIT_SECTION => take(&mut self.wit, WIT_SECTION, section.data())?,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn types(&mut self, count: u32) -> Result<(), InspectError> {
        self.types = self.types.saturating_add(count);
        match self.types > TYPES_MAX {
            true => Err(InspectError::TooMany(format!("{TYPES_MAX} types"))),
            false => Ok(()),
        }
    }

    fn canonical(&self, function: &wasmparser::CanonicalFunction) -> Result<(), InspectError> {
        use wasmparser::CanonicalFunction::{Lift, Lower, ResourceNew};
        let options = match function {
            Lift { options, .. } | Lower { options, .. } => options,
            ResourceNew { .. } => return Err(InspectError::OwnResources),
            _ => return Ok(()),
        };
        let odd = |option: &CanonicalOption| {
            matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16)
        };
        if options.iter().any(odd) { Err(InspectError::Encoding) } else { Ok(()) }
    }

    fn world(&self) -> Result<World, InspectError> {
        let exports = |world: &World| {
            let prefix = format!("wickd:plugin/{}-api@", world.name());
            self.exports.iter().any(|name| name.starts_with(&prefix))
        };
        let mut worlds = World::ALL.into_iter().filter(exports);
        match (worlds.next(), worlds.next()) {
            (Some(world), None) => Ok(world),
            (Some(_), Some(_)) => Err(InspectError::SeveralWorlds),
            (None, _) => Err(InspectError::NoWorld(match self.exports.is_empty() {
                true => "nothing".to_owned(),
                false => printable(self.exports.join(", ").as_bytes(), 200),
            })),
        }
    }
}

fn take(slot: &mut Option<String>, name: &'static str, data: &[u8]) -> Result<(), InspectError> {
    if slot.is_some() {
        return Err(InspectError::TwoSections(name));
    }
    let text = (data.len() <= MANIFEST_BYTES_MAX).then(|| std::str::from_utf8(data).ok()).flatten();
    *slot = Some(text.ok_or(InspectError::BadSection(name))?.to_owned());
    Ok(())
}
