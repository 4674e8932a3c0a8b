//! What a component may import, and which contract it may have been built for.
//!
//! Comes in: a world, the name of an import, a version stamp. Goes out: yes, or why not and what to
//! do. Deliberately absent: grants; what a world may import does not depend on the operator, and what
//! the I/O tier may reach through its imports is decided request by request.

use semver::Version;
use wickd_model::{WIT_VERSION, World, printable};

/// Longest import name quoted, in bytes.
const NAME_BYTES_MAX: usize = 96;
/// WASI packages that the standard libraries import; every one is linked so that it denies.
const WASI_DENY_ALL: [&str; 5] = ["cli", "io", "clocks", "filesystem", "random"];

/// WASI packages of the I/O tier; every request through them meets the grants.
const WASI_NETWORK: [&str; 2] = ["http", "sockets"];

/// Why an import is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("import `{import}`: {reason}; {fix}")]
pub struct Denial {
    /// The import, bounded and printable.
    pub import: String,
    /// Why not.
    pub reason: String,
    /// What the author can do.
    pub fix: String,
}

/// Whether a component of this world may import that.
///
/// # Errors
/// The reason and the fix.
pub fn imports_allowed(world: World, import: &str) -> Result<(), Denial> {
    let deny = |reason: String, fix: &str| {
        let import = printable(import.as_bytes(), NAME_BYTES_MAX);
        Err(Denial { import, reason, fix: fix.to_owned() })
    };
    let (path, version) = match import.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (import, None),
    };
    let name = path.split_once(':').and_then(|(from, rest)| {
        rest.split_once('/').map(|(package, interface)| (from, package, interface))
    });
    let nowhere = "import only what `wit/` offers this world";
    match name {
        Some(("wickd", "plugin", interface)) => {
            if let Err(error) = wit_compatible(version.unwrap_or_default()) {
                return deny(error.to_string(), "build it with the SDK of this wickd");
            }
            match offered(interface) {
                Some(worlds) if worlds.contains(&world) => Ok(()),
                Some(worlds) => {
                    let worlds: Vec<_> = worlds.iter().map(|world| world.name()).collect();
                    let reason = format!(
                        "a {} plugin does not get it; it is for: {}",
                        world.name(),
                        worlds.join(", ")
                    );
                    deny(reason, "remove the call, or build for that world")
                }
                None => deny("wickd has no such interface".to_owned(), nowhere),
            }
        }
        Some(("wasi", package, _))
            if WASI_DENY_ALL.contains(&package)
                || world.calls_out() && WASI_NETWORK.contains(&package) =>
        {
            match version.and_then(|text| Version::parse(text).ok()) {
                Some(version) if (version.major, version.minor) == (0, 2) => Ok(()),
                _ => deny("only WASI 0.2 is here".to_owned(), "build for wasm32-wasip2"),
            }
        }
        Some(("wasi", package, _)) => deny(
            format!("wasi:{} is not for a {} plugin", known(package), world.name()),
            match world.calls_out() {
                true => "remove what uses it; its ways out are wasi:http and wasi:sockets",
                false => {
                    "remove what uses it; data comes as events, orders leave through `trading`"
                }
            },
        ),
        _ => deny("nothing here has that name".to_owned(), nowhere),
    }
}

/// A package name is the author's text.
fn known(package: &str) -> String {
    printable(package.as_bytes(), NAME_BYTES_MAX / 2)
}

/// The worlds an interface of `wit/` is offered to; those that hold only types to all.
fn offered(interface: &str) -> Option<&'static [World]> {
    use World::{Exchange, Feed, Indicator, Signal, Strategy, Utility};
    match interface {
        "types" | "params" | "runtime" => Some(&World::ALL),
        "wants" | "signals" => Some(&[Strategy, Signal, Indicator]),
        "venue" | "wire" => Some(&[Exchange]),
        "inputs" => Some(&[Strategy, Signal]),
        "trading" => Some(&[Strategy]),
        "emitting" => Some(&[Signal]),
        "websocket" => Some(&[Feed, Utility]),
        "happenings" => Some(&[Utility]),
        "giving" => Some(&[Feed]),
        _ => None,
    }
}

/// Why a contract version is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum WitError {
    /// No version at all.
    #[error("`{0}` is not a contract version like {WIT_VERSION}")]
    Garbage(String),
    /// From before.
    #[error(
        "built for contract {stamped}, and this wickd serves {WIT_VERSION}; rebuild the plugin"
    )]
    Older { stamped: Version },
    /// From after.
    #[error("built for contract {stamped}, and this wickd serves {WIT_VERSION}; update wickd")]
    Newer { stamped: Version },
}

/// Whether a component built for contract `stamped` may be loaded: below 1.0 the same minor version,
/// from 1.0 on the same major and no newer minor, because a minor then only adds.
///
/// # Errors
/// Garbage, too old or too new.
pub fn wit_compatible(stamped: &str) -> Result<(), WitError> {
    let garbage = || WitError::Garbage(printable(stamped.as_bytes(), NAME_BYTES_MAX / 2));
    let stamped = Version::parse(stamped).map_err(|_| garbage())?;
    let served = Version::parse(WIT_VERSION).map_err(|_| garbage())?;
    between(stamped, &served)
}

fn between(stamped: Version, served: &Version) -> Result<(), WitError> {
    let (theirs, ours) = ((stamped.major, stamped.minor), (served.major, served.minor));
    let adds_only = theirs.0 > 0 && theirs.0 == ours.0 && theirs.1 < ours.1;
    if theirs == ours || adds_only {
        Ok(())
    } else if theirs < ours {
        Err(WitError::Older { stamped })
    } else {
        Err(WitError::Newer { stamped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use World::{Feed, Indicator, Signal, Strategy, Utility};

    #[test]
    fn each_world_gets_what_its_wit_imports_and_no_more() {
        let wit = include_str!("../../../wit/worlds.wit");
        let interfaces = ["runtime", "inputs", "trading", "emitting"];
        for world in [Strategy, Signal, Indicator] {
            let body = wit.split(&format!("world {} {{", world.name())).nth(1).unwrap();
            let body = body.split('}').next().unwrap();
            for interface in interfaces {
                let stands = body.contains(&format!("import {interface};"));
                let import = format!("wickd:plugin/{interface}@{WIT_VERSION}");
                assert_eq!(imports_allowed(world, &import).is_ok(), stands, "{import} {world:?}");
            }
            assert!(imports_allowed(world, "wickd:plugin/types@0.1.0").is_ok());
        }
    }

    #[test]
    fn wasi_of_the_standard_library_passes_and_every_other_import_is_refused() {
        for import in
            ["wasi:cli/environment@0.2.6", "wasi:io/streams@0.2.0", "wasi:random/insecure@0.2.9"]
        {
            assert_eq!(imports_allowed(Indicator, import), Ok(()), "{import}");
        }
        let refused = [
            "wasi:sockets/tcp@0.2.6",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:nn/graph@0.2.0",
            "wasi:cli/environment@0.3.0",
            "wasi:cli/environment",
            "wickd:plugin/trading@0.2.0",
            "wickd:plugin/trading",
            "wickd:plugin/secrets@0.1.0",
            "wickd:other/trading@0.1.0",
            "env",
            "",
            "@",
            ":/",
            "a:b/c@d",
            "evil:\u{1b}[2J/x",
        ];
        for import in refused {
            let denial = imports_allowed(Strategy, import).expect_err(import);
            assert!(!denial.to_string().contains('\u{1b}') && !denial.fix.is_empty());
        }
    }

    #[test]
    fn the_network_is_for_the_io_tier_alone() {
        let wit = include_str!("../../../wit/io.wit");
        let ours =
            ["websocket", "giving", "happenings"].map(|of| format!("wickd:plugin/{of}@0.1.0"));
        for world in World::ALL {
            for import in ["wasi:http/outgoing-handler@0.2.12", "wasi:sockets/tcp@0.2.6"] {
                assert_eq!(imports_allowed(world, import).is_ok(), world.calls_out(), "{import}");
            }
            assert!(imports_allowed(world, "wasi:http/types@0.3.0").is_err());
            assert!(imports_allowed(world, "wasi:nn/graph@0.2.0").is_err());
            assert_eq!(imports_allowed(world, &ours[0]).is_ok(), world.calls_out());
        }
        for (world, import) in [(Feed, &ours[1]), (Utility, &ours[2])] {
            assert!(wit.contains(&format!("world {} {{", world.name())));
            let have = World::ALL.iter().filter(|of| imports_allowed(**of, import).is_ok());
            assert_eq!(have.collect::<Vec<_>>(), [&world], "{import}");
        }
        for import in ["trading", "emitting", "inputs", "wire"] {
            let import = format!("wickd:plugin/{import}@0.1.0");
            assert!(imports_allowed(Utility, &import).is_err(), "{import}");
        }
    }

    #[test]
    fn a_denial_names_the_import_the_reason_and_the_fix() {
        let told = imports_allowed(Signal, "wickd:plugin/trading@0.1.0").unwrap_err().to_string();
        assert_eq!(
            told,
            "import `wickd:plugin/trading@0.1.0`: a signal plugin does not get it; it \
                          is for: strategy; remove the call, or build for that world"
        );
        let told = imports_allowed(Signal, "wasi:sockets/tcp@0.2.6").unwrap_err().to_string();
        assert!(
            told.contains("wasi:sockets is not for a signal")
                && told.contains("data comes as events")
        );
    }

    #[test]
    fn below_one_the_minor_version_is_the_contract() {
        assert_eq!(wit_compatible("0.1.7"), Ok(()));
        assert!(matches!(wit_compatible("0.0.9"), Err(WitError::Older { .. })));
        assert!(matches!(wit_compatible("0.2.0"), Err(WitError::Newer { .. })));
        for text in ["", "1", "v0.1.0", "0.1.0\u{1b}", &"9".repeat(999)] {
            assert!(matches!(wit_compatible(text), Err(WitError::Garbage(_))), "{text}");
        }
    }

    #[test]
    fn from_one_on_an_older_minor_still_loads() {
        let served = Version::new(1, 3, 0);
        assert_eq!(between(Version::new(1, 1, 0), &served), Ok(()));
        assert!(matches!(between(Version::new(1, 4, 0), &served), Err(WitError::Newer { .. })));
        assert!(matches!(between(Version::new(0, 9, 0), &served), Err(WitError::Older { .. })));
        assert!(matches!(between(Version::new(2, 0, 0), &served), Err(WitError::Newer { .. })));
    }
}
