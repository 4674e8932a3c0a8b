//! Credential slots: what the operator holds with a venue, and what it may be used for.
//!
//! Comes in: a YAML file of its own that nobody else can read, or one handed over by systemd. Goes
//! out: [`Slot`]s, whose fields only the signer reads. Deliberately absent: any message, `Debug` or
//! `Display` with a byte of the file's text in it, key names among it: a secret may have been typed
//! in the wrong column.
//!
//! ```yaml
//! binance-main:
//!   hosts: [api.binance.com, 'stream.binance.com:9443']
//!   allow: trade            # or `read`, which is the default
//!   fields: {key: …, secret: …}
//!   secret: [memo]          # further fields that are secret; all are but `key` and the like
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use secrecy::{ExposeSecret, SecretString};
use wickd_model::SlotName;
use wickd_policy::net::Origin;
use wickd_policy::venue::PathClass;
use wickd_policy::yaml::{Node, NodeKind, Place, parse};
use zeroize::{Zeroize, Zeroizing};

/// Largest file, in bytes: a hundred slots with RSA keys.
const FILE_BYTES_MAX: usize = 512 << 10;
/// Most slots.
const SLOTS_MAX: usize = 256;
/// Most fields or hosts of a slot.
const ITEMS_MAX: usize = 16;
/// Longest field, in bytes: an RSA key of 8,192 bits.
const FIELD_BYTES_MAX: usize = 8 << 10;
/// Fields that a venue may see in the open, because they say who somebody is and prove nothing. All
/// others are secret.
const OPEN_FIELDS: [&str; 8] =
    ["key", "api_key", "apikey", "access_key", "account", "account_id", "user", "uid"];
/// The credential's name under `$CREDENTIALS_DIRECTORY`.
pub const SYSTEMD_NAME: &str = "wickd-credentials";

/// Why credentials cannot be used. Never holds text of the file.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read.
    #[error("{}: the credentials cannot be read; check that it exists and is yours", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else could read it.
    #[error("{}: mode {mode:03o} lets others read the credentials; run `chmod 600` on it", .path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else decides what stands in it.
    #[error(
        "{}: the file belongs to user {owner}, who could exchange the credentials; run `chown` on it",
        .path.display()
    )]
    Owner {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It does not say what slots say.
    #[error("{}: {place}: {reason}; {fix}", .path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Where.
        place: Place,
        /// What is wrong, in the house's words only.
        reason: &'static str,
        /// What to write.
        fix: &'static str,
    },
}

/// One set of credentials.
pub struct Slot {
    name: SlotName,
    hosts: Vec<String>,
    allow: PathClass,
    fields: BTreeMap<String, SecretString>,
    /// Names that the operator calls secret besides.
    secret: Vec<String>,
}

impl Slot {
    /// What the operator calls it.
    pub fn name(&self) -> &SlotName {
        &self.name
    }

    /// What it may be used for.
    pub fn allow(&self) -> PathClass {
        self.allow
    }

    /// Whether it may be used with this host and port.
    pub fn is_for(&self, origin: &Origin) -> bool {
        let full = format!("{}:{}", origin.host, origin.port);
        self.hosts.iter().any(|host| *host == full || *host == origin.authority())
    }

    /// Whether a field may only ever key a signature, or stand in a header that a venue has for it.
    pub fn is_secret(&self, field: &str) -> bool {
        let named = self.secret.iter().any(|name| name == field);
        named || !OPEN_FIELDS.contains(&field.to_ascii_lowercase().as_str())
    }

    /// Only for the signer.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(ExposeSecret::expose_secret)
    }

    /// Only for striking out.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.fields.values().map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({}, {:?}, {} fields)", self.name, self.allow, self.fields.len())
    }
}

/// Every slot of a file.
#[derive(Debug, Default)]
pub struct Slots(BTreeMap<SlotName, Slot>);

impl Slots {
    /// Reads a file that only its owner can read.
    ///
    /// # Errors
    /// Unreadable, readable by others, or not of the form.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        Self::load(path, 0o077)
    }

    /// Reads what systemd's `LoadCredential=wickd-credentials:…` put into its directory.
    ///
    /// # Errors
    /// As [`Slots::from_file`]. The group may read: systemd grants its service by an access list,
    /// whose mask shows in the group's bits.
    pub fn from_systemd(directory: &Path) -> Result<Self, SecretError> {
        Self::load(&directory.join(SYSTEMD_NAME), 0o007)
    }

    fn load(path: &Path, refused: u32) -> Result<Self, SecretError> {
        let read = |source: std::io::Error| SecretError::Read { path: path.to_owned(), source };
        // The mode of the very file that is read, not of whatever the name means a moment later.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| read(e.into()))?;
        let found = rustix::fs::fstat(&file).map_err(|e| read(e.into()))?;
        if found.st_uid != 0 && found.st_uid != rustix::process::geteuid().as_raw() {
            return Err(SecretError::Owner { path: path.to_owned(), owner: found.st_uid });
        }
        let mode = found.st_mode & 0o777;
        if mode & refused != 0 {
            return Err(SecretError::Open { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX + 1));
        let mut file = std::fs::File::from(file).take(FILE_BYTES_MAX as u64 + 1);
        file.read_to_string(&mut text).map_err(read)?;
        Self::read(&text).map_err(|(place, reason, fix)| {
            let place = Place { bytes: 0..0, ..place };
            SecretError::Form { path: path.to_owned(), place, reason, fix }
        })
    }

    /// The slot of that name.
    pub fn get(&self, name: &SlotName) -> Option<&Slot> {
        self.0.get(name)
    }

    /// The slot of that name, taken out: whoever signs with it owns it, and the rest is wiped.
    pub fn take(mut self, name: &SlotName) -> Option<Slot> {
        self.0.remove(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &SlotName> {
        self.0.keys()
    }

    fn read(text: &str) -> Result<Self, Fault> {
        // The parser's own words quote the text, so only its place is kept.
        let mut node = parse(text, FILE_BYTES_MAX).map_err(|problem| {
            (problem.place, "this is no YAML that can be read", "mend it there; quote odd values")
        })?;
        let slots = slots(&node);
        wipe(&mut node);
        slots
    }
}

type Fault = (Place, &'static str, &'static str);

fn slots(node: &Node) -> Result<Slots, Fault> {
    let mut all = BTreeMap::new();
    for (key, node) in map(node, SLOTS_MAX)? {
        let name = key.text.parse::<SlotName>().map_err(|_| {
            (key.place.clone(), "this is no slot name", "use a-z, 0-9 and `-`, a letter first")
        })?;
        let (mut hosts, mut allow, mut fields) = (Vec::new(), PathClass::Read, BTreeMap::new());
        let mut secret = Vec::new();
        for (key, node) in map(node, ITEMS_MAX)? {
            match key.text.as_str() {
                "hosts" => hosts = list(node)?,
                "allow" => {
                    allow = match text(node)? {
                        "read" => PathClass::Read,
                        "trade" => PathClass::Trade,
                        _ => {
                            return Err((
                                node.place.clone(),
                                "another word",
                                "write read or trade",
                            ));
                        }
                    }
                }
                "fields" => {
                    for (key, node) in map(node, ITEMS_MAX)? {
                        fields.insert(key.text.clone(), SecretString::from(text(node)?));
                    }
                }
                "secret" => secret = list(node)?,
                _ => {
                    let fix = "a slot has `hosts`, `allow`, `fields` and `secret`";
                    return Err((key.place.clone(), "an unknown key", fix));
                }
            }
        }
        if secret.iter().any(|name| !fields.contains_key(name)) {
            let fix = "name fields that stand under `fields`";
            return Err((key.place.clone(), "`secret` names what is no field", fix));
        }
        if hosts.is_empty() || fields.is_empty() {
            let fix = "add `hosts: [api.example.org]` and `fields: {key: …}`";
            return Err((key.place.clone(), "`hosts` or `fields` is missing", fix));
        }
        all.insert(name.clone(), Slot { name, hosts, allow, fields, secret });
    }
    Ok(Slots(all))
}

fn map(node: &Node, entries_max: usize) -> Result<&[(wickd_policy::yaml::Key, Node)], Fault> {
    match &node.kind {
        NodeKind::Map(entries) if entries.len() <= entries_max => Ok(entries),
        NodeKind::Map(_) => Err((node.place.clone(), "too many entries", "keep it shorter")),
        _ => Err((node.place.clone(), "a map should stand here", "write `key: value`")),
    }
}

fn text(node: &Node) -> Result<&str, Fault> {
    match &node.kind {
        NodeKind::Scalar(text) if (1..=FIELD_BYTES_MAX).contains(&text.len()) => Ok(text),
        _ => {
            Err((node.place.clone(), "one value of 1 to 8192 bytes should stand here", "write it"))
        }
    }
}

fn list(node: &Node) -> Result<Vec<String>, Fault> {
    match &node.kind {
        NodeKind::List(items) if items.len() <= ITEMS_MAX => {
            items.iter().map(|item| text(item).map(str::to_owned)).collect()
        }
        _ => Err((node.place.clone(), "a list should stand here", "write `[a, b]`, up to 16")),
    }
}

/// Overwrites the tree's texts. What the YAML parser held while it read is beyond reach.
fn wipe(node: &mut Node) {
    match &mut node.kind {
        NodeKind::Null => {}
        NodeKind::Scalar(text) => text.zeroize(),
        NodeKind::List(items) => items.iter_mut().for_each(wipe),
        NodeKind::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
            key.text.zeroize();
            wipe(node);
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A slot out of a text.
    pub(crate) fn slot(yaml: &str) -> Slot {
        let slots = Slots::read(yaml).map_err(|(place, reason, _)| format!("{place}: {reason}"));
        slots.unwrap().0.pop_first().unwrap().1
    }

    const GOOD: &str =
        "main:\n  hosts: [api.example.org]\n  fields: {key: hunter2, secret: hunter3}\n";

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SYSTEMD_NAME);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o666, 0o777] {
            let (_folder, path) = file(GOOD, mode);
            let told = Slots::from_file(&path).unwrap_err().to_string();
            assert!(
                told.contains(&format!("mode {mode:03o}")) && told.contains("chmod 600"),
                "{told}"
            );
        }
        let (_folder, path) = file(GOOD, 0o600);
        // Only root can give a file away; elsewhere there is nothing to try.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(4_711), None).unwrap();
            let told = Slots::from_file(&path).unwrap_err().to_string();
            assert!(told.contains("belongs to user 4711"), "{told}");
        }
        let (folder, path) = file(GOOD, 0o600);
        assert_eq!(Slots::from_file(&path).unwrap().names().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
        assert!(Slots::from_file(&path).is_err());
        assert_eq!(Slots::from_systemd(folder.path()).unwrap().names().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(Slots::from_systemd(folder.path()).is_err());
        assert!(Slots::from_file(&folder.path().join("none")).is_err());
    }

    #[test]
    fn no_error_and_no_debug_holds_a_byte_of_the_file() {
        for (from, to) in [
            ("main:", "hunter2:\n  hunter2"),
            ("main:", "HUNTER2:"),
            ("  hosts:", "  hunter2:"),
            ("[api.example.org]", "hunter2"),
            ("[api.example.org]", "*hunter2"),
            ("{key: hunter2,", "{hunter2: a, hunter2: b,"),
            ("{key: hunter2,", "{key: [hunter2],"),
            ("{key: hunter2,", "{key: !hunter2 a,"),
            ("  fields", "  allow: hunter2\n  fields"),
            ("  fields", "\thunter2: a\n  fields"),
            ("secret: hunter3}", "secret: hunter2"),
        ] {
            let (_folder, path) = file(&GOOD.replacen(from, to, 1), 0o600);
            let error = Slots::from_file(&path).unwrap_err();
            let told = format!("{error} {error:?}");
            let chain = std::error::Error::source(&error).map(ToString::to_string);
            assert!(!told.to_lowercase().contains("unter"), "{told}");
            assert!(told.contains("line ") && chain.is_none(), "{told}");
        }
        let slot = slot(GOOD);
        assert_eq!(format!("{slot:?}"), "Slot(main, Read, 2 fields)");
        assert_eq!(slot.field("key"), Some("hunter2"));
    }

    #[test]
    fn a_slot_is_for_its_hosts_at_their_ports_only() {
        let slot = slot(&GOOD.replace("[api.example.org]", "[api.example.org, 'x.example:9443']"));
        let is_for = |url: &str| {
            let target = wickd_policy::net::Target::parse(url).unwrap();
            slot.is_for(target.origin())
        };
        assert!(is_for("https://api.example.org/") && is_for("wss://x.example:9443/ws"));
        for other in [
            "https://api.example.org:8443/",
            "https://evil.example/",
            "https://x.example/",
            "https://a.api.example.org/",
        ] {
            assert!(!is_for(other), "{other}");
        }
    }
}
