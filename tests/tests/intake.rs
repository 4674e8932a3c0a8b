//! Files that are no plugins: one refusal each, with step, reason and fix, and never a panic.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wickd_engine::{Admission, Refusal};
use wickd_model::Limits;
use wickd_tests::{component_bytes, manifest_section, relabel, runtime, variant, without_section};

fn admission() -> Admission {
    Admission::alone(runtime().clone(), Limits::default(), None)
}

fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}

/// What every refusal has.
fn refusal(path: &Path) -> Refusal {
    let refused = match admission().admit(path, 0) {
        Err(refusal) => *refusal,
        Ok((plugin, _)) => panic!("{} was taken as {}", path.display(), plugin.label()),
    };
    assert!(!refused.step.is_empty() && !refused.reason.is_empty() && !refused.fix.is_empty());
    assert!(refused.reason.len() <= 4_096, "{} bytes of reason", refused.reason.len());
    let text = format!("{}{}", refused.reason, refused.fix);
    assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
    refused
}

fn refuses(bytes: &[u8]) -> Refusal {
    let dir = tempfile::tempdir().expect("a temporary folder");
    refusal(&file(&dir, "plugin.wasm", bytes))
}

#[test]
fn a_whole_component_is_admitted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let bytes = component_bytes("auditor");
    let path = file(&dir, "auditor.wasm", &bytes);
    let (plugin, cost) = admission().admit(&path, 0).expect("it is admitted");
    assert_eq!((plugin.label(), cost.bytes), ("auditor 0.1.0".to_owned(), bytes.len() as u64));
    // One more section, another version in its manifest: still a plugin, of other bytes.
    for other in [variant(&bytes, 1), relabel(&bytes, "0.1.0", "0.9.0")] {
        let path = file(&dir, "other.wasm", &other);
        let (second, _) = admission().admit(&path, 0).expect("it is admitted");
        assert_ne!(second.digest, plugin.digest);
    }
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let bytes = component_bytes("auditor");
    for part in 0..64 {
        let cut = &bytes[..bytes.len() * part / 64];
        let refused = refuses(cut);
        assert_eq!(refused.step, "validate", "cut at {part}/64: {refused}");
    }
    let refused = refuses(&bytes[..bytes.len() - 1]);
    assert_eq!(refused.step, "validate", "{refused}");
}

#[test]
fn what_people_drop_by_mistake_is_told_apart() {
    let component = component_bytes("auditor");
    let mut newer = component.clone();
    newer[4] = 0x77;
    let table: [(&[u8], &str); 8] = [
        (b"", "empty"),
        (b"\0asm\x01\0\0\0", "core module"),
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (b"(component)", "WebAssembly text"),
        (b"plugin.yaml", "not WebAssembly"),
        (b"\x1b[2Jevil", "not WebAssembly"),
        (b"\0asm\x0d\0\x01\0", "exports none of the worlds"),
        (&newer, "not a whole component"),
    ];
    for (bytes, part) in table {
        let refused = refuses(bytes);
        assert_eq!(refused.step, "validate", "{refused}");
        assert!(refused.reason.contains(part), "`{part}` is not in: {refused}");
    }
}

#[test]
fn half_written_halves_joined_and_files_in_files_are_refused() {
    let bytes = component_bytes("auditor");
    let mut zeros = bytes.clone();
    let half = zeros.len() / 2;
    zeros[half..].fill(0);
    let twice = [bytes.as_slice(), bytes.as_slice()].concat();
    let other = [&bytes[..half], &component_bytes("trader")[half..]].concat();
    for broken in [zeros, twice, other] {
        assert_eq!(refuses(&broken).step, "validate");
    }
}

#[test]
fn a_gigabyte_of_nothing_is_refused_unread() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("huge.wasm");
    let sparse = std::fs::File::create(&path).expect("a temporary file");
    sparse.set_len(1 << 30).expect("a sparse file");
    let refused = refusal(&path);
    assert_eq!(refused.step, "read");
    assert!(refused.reason.contains("1073741824 bytes"), "{refused}");
    assert!(refused.fix.contains("limits.component_bytes"), "{}", refused.fix);
}

#[test]
fn links_folders_and_absent_files_are_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let target = file(&dir, "real.wasm", &component_bytes("auditor"));
    let link = dir.path().join("link.wasm");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    let folder = dir.path().join("folder.wasm");
    std::fs::create_dir(&folder).expect("a folder");
    for path in [link, folder, dir.path().join("absent.wasm")] {
        assert_eq!(refusal(&path).step, "read", "{}", path.display());
    }
}

#[test]
fn sections_that_are_missing_doubled_or_oversized_are_named() {
    let bytes = component_bytes("auditor");
    for (broken, part) in [
        (without_section(&bytes, "wickd:manifest"), "no `wickd:manifest` section"),
        (without_section(&bytes, "wickd:wit"), "no `wickd:wit` section"),
        (manifest_section(&bytes, b"name: other"), "`wickd:manifest` appears twice"),
    ] {
        let refused = refuses(&broken);
        assert!(refused.reason.contains(part), "`{part}` is not in: {refused}");
    }
    let bare = without_section(&bytes, "wickd:manifest");
    for text in [vec![b'#'; 65 << 10], b"name: \xff\xfe".to_vec()] {
        let refused = refuses(&manifest_section(&bare, &text));
        assert!(refused.reason.contains("not text of at most 64 KiB"), "{refused}");
    }
}

#[test]
fn a_manifest_with_a_typo_names_the_line_and_the_fix() {
    let bare = without_section(&component_bytes("auditor"), "wickd:manifest");
    let manifest = "name: auditor\nverison: 0.1.0\nworld: strategy\n\
                    description: Counts.\nlicense: Apache-2.0\n";
    for (text, part) in [
        (manifest.to_owned(), "line 2, column 1: unknown key `verison`; did you mean `version`?"),
        ("a: &x [*x, *x]\n".to_owned(), "manifest"),
        (format!("name: {}\n", "[".repeat(10_000)), "manifest"),
        ("name: auditor\nname: auditor\n".to_owned(), "name"),
        (manifest.replace("verison", "version").replace("auditor", "../../x"), "a plugin name is"),
        ("\tname: auditor\n".to_owned(), "line 1"),
    ] {
        let refused = refuses(&manifest_section(&bare, text.as_bytes()));
        assert_eq!(refused.step, "manifest", "{refused}");
        let whole = format!("{}: {}", refused.step, refused.reason);
        assert!(whole.contains(part), "`{part}` is not in: {whole}");
    }
}

#[test]
fn another_version_of_the_contract_is_told_as_older_or_newer() {
    let bytes = component_bytes("auditor");
    for (stamp, part) in [("0.0.9", "rebuild the plugin"), ("0.9.0", "update wickd")] {
        // The stamp stands behind its section's name, five bytes like ours.
        let mut other = bytes.clone();
        let name = b"wickd:wit";
        let place = other.windows(name.len()).position(|window| window == name);
        let place = place.expect("it is stamped") + name.len();
        other[place..place + 5].copy_from_slice(stamp.as_bytes());
        let refused = refuses(&other);
        assert_eq!(refused.step, "version", "{refused}");
        assert!(refused.reason.contains(part), "{refused}");
    }
}

#[test]
fn guests_that_show_themselves_at_intake_are_refused_with_the_reason() {
    for (name, step, part) in [
        ("dials-out", "rights", "wasi:sockets"),
        ("lies", "world", "`world: signal`, the component exports `strategy`"),
        ("schema-flood", "schema", ""),
        ("schema-lies", "schema", "beyond"),
        ("spin-start", "schema", "out-of-fuel"),
    ] {
        let refused = refuses(&component_bytes(name));
        assert_eq!(refused.step, step, "{name}: {refused}");
        assert!(refused.reason.contains(part), "{name}: `{part}` is not in: {refused}");
    }
}

#[test]
fn a_sidecar_with_a_fault_is_refused_with_its_place() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = file(&dir, "auditor.wasm", &component_bytes("auditor"));
    for (text, part) in [
        ("limits:\n  deadline: 5\n", "line 2, column 3: unknown key `deadline`"),
        ("limits: {deadline_ms: 0}\n", "out of range; write a whole number from 1 to 10000"),
        ("version: 2.0.0\n", "`version` is `2.0.0` here and `0.1.0` in the component"),
    ] {
        file(&dir, "auditor.plugin.yaml", text.as_bytes());
        let refused = refusal(&path);
        assert_eq!(refused.step, "manifest", "{refused}");
        assert!(refused.reason.contains(part), "`{part}` is not in: {refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_is_refused_or_harmless(place: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = component_bytes("auditor");
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        // A flip in a name or a body may leave a whole component; it must never be a panic.
        if let Err(error) = wickd_sandbox::inspect(&bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn noise_behind_a_header_is_refused(noise in prop::collection::vec(any::<u8>(), 1..400)) {
        let bytes = [b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat();
        prop_assert!(wickd_sandbox::inspect(&bytes).is_err());
    }
}
