use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use rustix::process::geteuid;
use tempfile::TempDir;

use super::*;

/// A watched folder `plugins` inside a temporary one, and the watcher, which settles after 100 ms.
struct Case {
    dir: TempDir,
    watch: Watch,
    now_ms: u64,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("plugins")).unwrap();
        let watch = Watch::new(vec![dir.path().join("plugins")], 100);
        Self { dir, watch, now_ms: 0 }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str) -> PathBuf {
        let path = self.at("plugins").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        path
    }

    /// What three looks, each after the settling time, have found.
    fn found(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..3 {
            changes.extend(self.watch.look(self.now_ms));
            self.now_ms += 100;
        }
        changes
    }

    /// The files that settled in three looks.
    fn settled(&mut self) -> Vec<PathBuf> {
        let settled = |change| match change {
            Change::Settled(settled) => settled.path,
            other => panic!("{other:?}"),
        };
        self.found().into_iter().map(settled).collect()
    }
}

fn told_of(change: &Change) -> String {
    match change {
        Change::Refused { path, reason, fix } => format!("{}: {reason}; {fix}", path.display()),
        Change::Blind { folder, reason, fix } => format!("{}: {reason}; {fix}", folder.display()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_still_grows_is_not_read() {
    let mut case = Case::new();
    let path = case.write("a.wasm");
    assert_eq!(case.watch.look(0), []);
    fs::write(&path, b"half and more").unwrap();
    assert_eq!(case.watch.look(120), [], "it changed, so its rest begins anew");
    assert!(case.watch.is_restless());
    assert!(matches!(&case.watch.look(230)[..], [Change::Settled(of)] if of.path == path));
    assert_eq!(case.watch.look(999), [], "told once");
    fs::write(&path, b"another").unwrap();
    assert_eq!(case.watch.look(1000), []);
    assert!(matches!(&case.watch.look(1100)[..], [Change::Settled(_)]));
}

#[test]
fn a_file_that_never_rests_is_told_once_and_the_others_are_taken() {
    let mut case = Case::new();
    let (restless, other) = (case.write("restless.wasm"), case.write("other.wasm"));
    let mut changes = Vec::new();
    for step in 0..400_u64 {
        fs::write(&restless, step.to_string()).unwrap();
        changes.extend(case.watch.look(step * 50));
    }
    let told: Vec<_> = changes.iter().filter(|of| matches!(of, Change::Restless { .. })).collect();
    assert!(matches!(told[..], [Change::Restless { path, .. }] if *path == restless));
    assert!(changes.iter().any(|of| matches!(of, Change::Settled(of) if of.path == other)));
}

#[test]
fn a_file_replaced_in_two_steps_is_not_gone() {
    let mut case = Case::new();
    let path = case.write("a.wasm");
    assert_eq!(case.settled(), std::slice::from_ref(&path));
    fs::remove_file(&path).unwrap();
    assert_eq!(case.watch.look(350), []);
    fs::write(&path, b"second").unwrap();
    assert_eq!(case.watch.look(400), []);
    assert!(matches!(&case.watch.look(500)[..], [Change::Settled(_)]));
    fs::remove_file(&path).unwrap();
    assert_eq!(case.watch.look(600), []);
    assert_eq!(case.watch.look(700), [Change::Gone { path }]);
}

#[test]
fn a_renamed_file_has_moved_and_is_not_gone() {
    let mut case = Case::new();
    let from = case.write("a.wasm");
    assert_eq!(case.settled(), std::slice::from_ref(&from));
    for name in ["b.wasm", "sub/c.wasm"] {
        fs::create_dir_all(case.at("plugins/sub")).unwrap();
        let to = case.at("plugins").join(name);
        let from = case.watch.seen.keys().next().unwrap().clone();
        fs::rename(&from, &to).unwrap();
        let changes = case.found();
        assert!(changes.contains(&Change::Moved { from, to: to.clone() }), "{changes:?}");
        assert!(!changes.iter().any(|of| matches!(of, Change::Gone { .. })), "{changes:?}");
    }
}

#[test]
fn a_folder_that_is_away_unreadable_or_replaced_changes_nothing_and_is_told_once() {
    type Step = fn(&Path, &Path);
    let away: Step = |folder, aside| fs::rename(folder, aside).unwrap();
    let replaced: Step = |folder, aside| {
        fs::rename(folder, aside).unwrap();
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("notes.txt"), "other").unwrap();
    };
    let a_file: Step = |folder, aside| {
        fs::rename(folder, aside).unwrap();
        fs::write(folder, "no folder").unwrap();
    };
    let open: Step =
        |folder, _| fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    let steps = [("away", away), ("replaced", replaced), ("a file", a_file), ("open", open)];
    for ((what, step), place) in
        steps.into_iter().flat_map(|step| [(step, "plugins"), (step, "plugins/sub")])
    {
        let mut case = Case::new();
        let (one, two) = (case.write("sub/one.wasm"), case.write("sub/two.wasm"));
        let three = (place == "plugins").then(|| case.write("three.wasm"));
        case.settled();
        let (folder, aside) = (case.at(place), case.at("aside"));
        step(&folder, &aside);
        let mut changes = Vec::new();
        (0..5).for_each(|_| changes.extend(case.found()));
        let lost =
            changes.iter().filter(|of| matches!(of, Change::Gone { .. } | Change::Moved { .. }));
        if (what, place) == ("away", "plugins/sub") {
            // A folder that was taken out of a watched one is gone for certain.
            assert_eq!(lost.count(), 2, "{changes:?}");
            continue;
        }
        assert_eq!(lost.count(), 0, "{what} {place}: {changes:?}");
        let told: Vec<_> = changes.iter().filter(|of| matches!(of, Change::Blind { .. })).collect();
        assert_eq!(told.len(), 1, "{what} {place}: {changes:?}");
        // It comes back as it was.
        if aside.exists() {
            let _ = fs::remove_dir_all(&folder).or_else(|_| fs::remove_file(&folder));
            let _ = fs::rename(&aside, &folder);
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let changes = case.found();
        let back = |of: &Change| matches!(of, Change::Sighted { looks, .. } if *looks >= 5);
        assert!(changes.iter().any(back), "{what} {place}: {changes:?}");
        for path in [Some(one), Some(two), three].into_iter().flatten() {
            fs::remove_file(&path).unwrap();
            let changes = case.found();
            assert!(changes.contains(&Change::Gone { path }), "{what} {place}: {changes:?}");
        }
    }
}

#[test]
fn a_new_folder_that_has_every_file_takes_the_place_of_the_old_one() {
    let mut case = Case::new();
    let path = case.write("a.wasm");
    case.settled();
    fs::rename(case.at("plugins"), case.at("aside")).unwrap();
    case.write("a.wasm");
    assert_eq!(case.settled(), std::slice::from_ref(&path), "other bytes, no notice");
    fs::remove_file(&path).unwrap();
    assert_eq!(case.found(), [Change::Gone { path }]);
}

#[test]
fn files_beyond_the_bound_are_told_and_hide_nobody() {
    let mut case = Case::new();
    let first = case.write("zz.wasm");
    assert_eq!(case.settled(), std::slice::from_ref(&first));
    for number in 0..1_500 {
        case.write(&format!("note-{number}.log"));
        case.write(&format!("f{number}/readme.txt"));
    }
    for number in 0..600 {
        case.write(&format!("a{number}.wasm"));
    }
    let changes = case.found();
    let settled = changes.iter().filter(|of| matches!(of, Change::Settled(_))).count();
    assert_eq!(settled, 511);
    assert!(!changes.iter().any(|of| matches!(of, Change::Gone { .. })), "{changes:?}");
    let refused: Vec<_> =
        changes.iter().filter(|of| matches!(of, Change::Refused { .. })).map(told_of).collect();
    assert!(matches!(&refused[..], [one] if one.contains("more than 512")), "{refused:?}");
    fs::remove_file(&first).unwrap();
    assert!(case.found().contains(&Change::Gone { path: first }));
}

#[test]
fn names_that_start_with_a_dot_are_passed_over_at_every_depth() {
    let mut case = Case::new();
    for name in [
        ".a.wasm",
        ".hidden/b.wasm",
        "sub/.c.wasm",
        ".git/objects/d.wasm",
        "~e.wasm",
        "#f.wasm",
        "g.wasm~",
        "h.wasm.tmp",
        "i.txt",
        "sub/.deep/j.wasm",
        "sub/deeper/k.wasm",
    ] {
        case.write(name);
    }
    let good = case.write("sub/good.wasm");
    assert_eq!(case.settled(), [good]);
}

#[test]
fn a_kubernetes_volume_works_and_is_switched_as_a_whole() {
    let mut case = Case::new();
    for version in ["..2026_1", "..2026_2"] {
        case.write(&format!("{version}/x.wasm"));
        case.write(&format!("{version}/x.plugin.yaml"));
    }
    let folder = case.at("plugins");
    symlink("..2026_1", folder.join("..data")).unwrap();
    symlink("..data/x.wasm", folder.join("x.wasm")).unwrap();
    symlink("..data/x.plugin.yaml", folder.join("x.plugin.yaml")).unwrap();
    for version in ["..2026_1", "..2026_2"] {
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        let changes = case.found();
        let [Change::Settled(settled)] = &changes[..] else { panic!("{changes:?}") };
        assert_eq!(settled.path, folder.join("x.wasm"));
        let inside = folder.canonicalize().unwrap().join(version);
        assert_eq!(settled.real, inside.join("x.wasm"));
        assert_eq!(settled.sidecars, [inside.join("x.plugin.yaml")]);
    }
}

#[test]
fn a_link_that_leads_out_of_the_folder_is_refused_and_one_to_the_folder_is_followed() {
    let mut case = Case::new();
    fs::write(case.at("outside.wasm"), "x").unwrap();
    symlink(case.at("outside.wasm"), case.at("plugins/link.wasm")).unwrap();
    symlink("nowhere", case.at("plugins/dangling.wasm")).unwrap();
    let good = case.write("good.wasm");
    symlink("plugins", case.at("releases")).unwrap();
    case.watch = Watch::new(vec![case.at("releases")], 100);
    let changes = case.found();
    let told: Vec<_> =
        changes.iter().filter(|of| matches!(of, Change::Refused { .. })).map(told_of).collect();
    assert_eq!(told.len(), 2, "{changes:?}");
    assert!(told[1].contains("leads out"), "{told:?}");
    let good = case.at("releases").join(good.file_name().unwrap());
    assert!(changes.iter().any(|of| matches!(of, Change::Settled(of) if of.path == good)));
}

#[test]
fn what_others_may_write_is_not_taken_and_the_command_is_told() {
    let mut case = Case::new();
    let (file, side) = (case.write("a.wasm"), case.write("a.plugin.yaml"));
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(&side, Permissions::from_mode(0o666)).unwrap();
    let changes = case.found();
    assert!(matches!(&changes[..], [of] if told_of(of).contains("chmod o-w")), "{changes:?}");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let changes = case.found();
    let [side_told, Change::Settled(settled)] = &changes[..] else { panic!("{changes:?}") };
    assert!(told_of(side_told).starts_with(&side.display().to_string()), "{side_told:?}");
    assert_eq!(settled.sidecars, Vec::<PathBuf>::new());
    if geteuid().is_root() {
        chown(&file, Some(12345), None).unwrap();
        let changes = case.found();
        assert!(told_of(&changes[0]).contains("user 12345"), "{changes:?}");
        chown(&file, Some(0), None).unwrap();
        chown(case.at("plugins"), Some(12345), None).unwrap();
        let changes = case.found();
        assert!(matches!(&changes[0], Change::Blind { fix, .. } if fix.contains("chown root")));
    }
}

#[test]
fn a_folder_open_to_everybody_gives_nothing() {
    let mut case = Case::new();
    case.write("a.wasm");
    fs::set_permissions(case.at("plugins"), Permissions::from_mode(0o777)).unwrap();
    let changes = case.found();
    assert!(matches!(&changes[..], [Change::Blind { fix, .. }] if fix.contains("chmod o-w")));
}
