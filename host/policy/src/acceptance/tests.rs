use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A component as it could stand in a folder.
#[derive(Clone, Debug)]
struct File {
    digest: Digest,
    version: Version,
    profile: Profile,
    signers: Vec<SigningKey>,
}

fn file(byte: u8, version: &str, rights: &[&str], signed: bool) -> File {
    let rights = rights.iter().map(ToString::to_string).collect();
    let signers = if signed { vec![key()] } else { Vec::new() };
    let profile = Profile { rights, other: BTreeSet::new() };
    File { digest: Digest([byte; 32]), version: version.parse().unwrap(), profile, signers }
}

fn key() -> SigningKey {
    SigningKey("a key".to_owned())
}

fn pin(of: &File) -> Pin {
    let (version, profile) = (Some(of.version.clone()), Some(of.profile.clone()));
    Pin { digest: of.digest, version, profile }
}

/// The digest that takes the place, and how many are held.
fn taken(accept: &Accept, pins: &[Pin], files: &[File]) -> (Option<u8>, usize) {
    let candidates: Vec<_> = files
        .iter()
        .map(|of| Candidate {
            digest: of.digest,
            version: &of.version,
            profile: &of.profile,
            signers: &of.signers,
        })
        .collect();
    let choice = choose(accept, pins, &candidates, true);
    (choice.taken.map(|place| files[place].digest.0[0]), choice.held.len())
}

#[test]
fn the_first_one_seen_is_pinned_once_all_are_seen() {
    let files = [file(2, "0.2.0", &[], false), file(1, "0.1.0", &[], false)];
    assert_eq!(taken(&Accept::Pinned, &[], &files), (Some(2), 0));
    let candidate = Candidate {
        digest: files[0].digest,
        version: &files[0].version,
        profile: &files[0].profile,
        signers: &[],
    };
    assert_eq!(choose(&Accept::Pinned, &[], &[candidate], false), Choice::default());
}

#[test]
fn no_version_takes_a_pinned_place() {
    let holder = file(1, "1.0.0", &[], false);
    for version in ["1.0.0", "1.0.0+build", "1.0.1", "99999.0.0", "0.1.0"] {
        let other = file(9, version, &[], true);
        for files in [vec![other.clone(), holder.clone()], vec![holder.clone(), other.clone()]] {
            let (by, _) = taken(&Accept::Pinned, &[pin(&holder)], &files);
            assert_eq!(by, Some(1), "{version}");
        }
        // The holder's file was removed: nobody steps in.
        assert_eq!(taken(&Accept::Pinned, &[pin(&holder)], &[other]), (None, 1), "{version}");
    }
}

#[test]
fn what_was_accepted_before_the_holder_does_not_come_back_by_itself() {
    let (old, new) = (file(1, "1.0.0", &[], false), file(2, "1.1.0", &[], false));
    let pins = [pin(&old), pin(&new)];
    assert_eq!(taken(&Accept::Pinned, &pins, &[new.clone(), old.clone()]), (Some(2), 0));
    assert_eq!(taken(&Accept::Pinned, &pins, std::slice::from_ref(&old)), (None, 1));
    // Unless the holder has failed there: its pin is then left out.
    assert_eq!(taken(&Accept::Pinned, &pins[..1], &[old]), (Some(1), 0));
}

#[test]
fn a_signature_lets_in_what_is_newer_and_no_wider() {
    let accept = Accept::Signed(vec![key()]);
    let holder = file(1, "1.0.0", &["network a"], true);
    let pins = [pin(&holder)];
    let table = [
        ("1.1.0", &["network a"][..], true, true),
        ("1.1.0", &[], true, true),
        ("1.1.0", &["network a"], false, false),
        ("1.1.0", &["network a", "network b"], true, false),
        ("1.1.0", &["recipes.s.trade: POST /order"], true, false),
        ("1.0.0", &["network a"], true, false),
        ("1.0.0+build.7", &["network a"], true, false),
        ("0.9.0", &["network a"], true, false),
    ];
    for (version, rights, signed, takes) in table {
        let files = [file(2, version, rights, signed), holder.clone()];
        let by = if takes { 2 } else { 1 };
        assert_eq!(taken(&accept, &pins, &files).0, Some(by), "{version} {rights:?} {signed}");
    }
    assert_eq!(taken(&accept, &[], &[file(2, "1.0.0", &[], false)]), (None, 1));
    assert_eq!(taken(&accept, &[], &[file(2, "1.0.0", &["network a"], true)]), (Some(2), 0));
    let unseen = Pin { version: None, profile: None, ..pin(&holder) };
    assert_eq!(taken(&accept, &[unseen], &[file(2, "2.0.0", &[], true)]), (None, 1));
}

#[test]
fn the_list_of_the_configuration_is_all_there_is() {
    let files =
        [file(3, "3.0.0", &[], true), file(2, "2.0.0", &[], false), file(1, "1.0.0", &[], false)];
    let listed =
        |digests: &[u8]| Accept::Listed(digests.iter().map(|of| Digest([*of; 32])).collect());
    assert_eq!(taken(&listed(&[1, 2]), &[], &files), (Some(2), 1));
    assert_eq!(taken(&listed(&[1]), &[pin(&files[0])], &files), (Some(1), 2));
    assert_eq!(taken(&listed(&[9]), &[], &files), (None, 3));
}

#[test]
fn a_difference_shows_what_is_more_and_what_is_less() {
    let (old, new) = (file(1, "1.0.0", &["a", "b"], false), file(2, "1.0.0", &["b", "c"], false));
    let difference = new.profile.against(Some(&old.profile));
    assert_eq!(difference.lines(), ["+ c", "- a"]);
    assert_eq!(new.profile.against(None).wider, ["b", "c"]);
}

#[test]
fn a_signature_is_of_the_bytes_and_of_the_key() {
    // Made with minisign 0.11 over the four bytes `test`; the example of minisign-verify.
    let key =
        SigningKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
    let signature = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";
    assert!(key.signed(b"test", signature));
    assert!(!key.signed(b"tesT", signature));
    for broken in
        ["", "untrusted comment: x", &signature[..100], &signature.replace("7SrlQ", "7SrlR")]
    {
        assert!(!key.signed(b"test", broken));
    }
    assert_eq!(SigningKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO"), None);
}

fn any_file() -> impl Strategy<Value = File> {
    (2u8..20, 0u64..4, 0u64..4, prop::collection::btree_set("[a-c]", 0..3), any::<bool>()).prop_map(
        |(byte, major, minor, rights, signed)| {
            let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
            file(byte, &format!("{major}.{minor}.0"), &rights, signed)
        },
    )
}

proptest! {
    #[test]
    fn a_holder_that_is_there_stays_or_gives_way_to_a_newer_signed_one_that_asks_for_nothing_more(
        mut files in prop::collection::vec(any_file(), 0..6), at in 0usize..6, signed: bool,
    ) {
        let holder = file(1, "2.0.0", &["a", "b"], false);
        files.insert(at.min(files.len()), holder.clone());
        let mut digests = BTreeSet::new();
        files.retain(|of| digests.insert(of.digest));
        let accept = if signed { Accept::Signed(vec![key()]) } else { Accept::Pinned };
        let (by, _) = taken(&accept, &[pin(&holder)], &files);
        let by = files.iter().find(|of| Some(of.digest.0[0]) == by).expect("somebody has it");
        if by.digest != holder.digest {
            prop_assert!(signed && by.signers == [key()] && by.version > holder.version);
            prop_assert!(by.profile.rights.is_subset(&holder.profile.rights));
        }
    }

    #[test]
    fn without_its_holder_a_pinned_place_stays_empty(
        files in prop::collection::vec(any_file(), 0..6),
    ) {
        let holder = file(1, "2.0.0", &[], false);
        prop_assert_eq!(taken(&Accept::Pinned, &[pin(&holder)], &files).0, None);
    }
}
