//! The rules of the house that a compiler does not hold: which way crates import, who names what, how
//! long a file may be, what stands at the top.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

/// The crates under `host/`, lowest row first. A crate imports only from the rows before it.
const ROWS: [&str; 7] = ["model", "policy", "store", "egress", "sandbox", "engine", "wickd"];
/// Longest source file, in lines: one sitting of a reader.
const LINES_MAX: usize = 500;
/// What stands at the top of the repository.
const TOP: [&str; 17] = [
    ".cargo",
    ".ci",
    ".git",
    ".github",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "deny.toml",
    "deploy",
    "example-plugins",
    "host",
    "plugin-sdk",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];
/// Also at the top: the contract, and what running and building leave there and Git ignores.
const ALSO: [&str; 4] = ["wit", "target", "plugins", "state"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust source below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The names under a section of a manifest whose lines are `name = …` or `name.workspace = true`.
fn dependencies(manifest: &str, section: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == section;
        } else if let Some(name) = line.split(['=', '.']).next().filter(|_| inside) {
            let name = name.trim();
            if !name.is_empty() && !name.starts_with('#') {
                names.push(name.to_owned());
            }
        }
    }
    names
}

fn host_manifest(name: &str) -> String {
    read(&root().join("host").join(name).join("Cargo.toml"))
}

#[test]
fn no_crate_imports_from_its_own_row_or_above() {
    let folders = root().join("host").read_dir().expect("host/ is there").flatten();
    let mut crates: Vec<_> = folders
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    crates.sort();
    let mut known = ROWS.map(str::to_owned).to_vec();
    known.sort();
    assert_eq!(crates, known, "a crate without a row");
    for (row, name) in ROWS.iter().enumerate() {
        for dependency in dependencies(&host_manifest(name), "[dependencies]") {
            let Some(of_house) = dependency.strip_prefix("wickd-") else { continue };
            let below = ROWS[..row].contains(&of_house);
            assert!(below, "host/{name} imports {dependency}, which is not below it");
        }
    }
}

#[test]
fn each_dangerous_tool_is_named_by_one_crate() {
    for (tools, owner) in [
        (["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http", "wasmparser"].as_slice(), "sandbox"),
        (&["redb"], "store"),
        (&["reqwest", "hyper", "rustls", "tokio-tungstenite"], "egress"),
        (&["notify"], "engine"),
        (&["clap", "axum"], "wickd"),
    ] {
        for name in ROWS.iter().filter(|name| **name != owner) {
            let named = dependencies(&host_manifest(name), "[dependencies]");
            let taken: Vec<_> = named.iter().filter(|d| tools.contains(&d.as_str())).collect();
            assert!(taken.is_empty(), "host/{name} names {taken:?}, which is {owner}'s");
        }
    }
}

#[test]
fn only_the_store_makes_durable() {
    for name in ROWS.iter().filter(|name| **name != "store") {
        for path in sources(&root().join("host").join(name).join("src")) {
            let text = read(&path);
            for call in ["fsync", ".sync_all(", ".sync_data("] {
                let code = text
                    .lines()
                    .find(|line| line.contains(call) && !line.trim_start().starts_with("//"));
                assert_eq!(code, None, "{} makes durable by itself", path.display());
            }
        }
    }
}

#[test]
fn model_and_policy_read_no_clock_and_no_file() {
    for name in ["model", "policy"] {
        for path in sources(&root().join("host").join(name).join("src")) {
            for word in ["std::fs", "std::net", "SystemTime", "Instant::now", "std::thread"] {
                assert!(!read(&path).contains(word), "{} names {word}", path.display());
            }
        }
    }
}

#[test]
fn no_source_is_longer_than_a_sitting() {
    for folder in ["host", "plugin-sdk", "example-plugins", "tests"] {
        for path in sources(&root().join(folder)) {
            let is_test = path.components().any(|part| part.as_os_str() == "tests")
                && !path.starts_with(root().join("tests").join("src"));
            let text = read(&path);
            // A file's own tests stand at its end and are not what has to be read first.
            let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
            assert!(is_test || lines <= LINES_MAX, "{}: {lines} lines", path.display());
        }
    }
}

#[test]
fn every_module_starts_with_what_it_is() {
    for folder in ["host", "plugin-sdk", "example-plugins", "tests"] {
        // Unit tests in a file of their own belong to the module they test.
        let own = |path: &PathBuf| !path.ends_with("tests.rs");
        for path in sources(&root().join(folder)).into_iter().filter(own) {
            assert!(read(&path).starts_with("//!"), "{} says nothing of itself", path.display());
        }
    }
}

#[test]
fn nothing_new_stands_at_the_top() {
    for entry in root().read_dir().expect("the repository is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(TOP.contains(&name.as_str()) || ALSO.contains(&name.as_str()), "`{name}` is new");
    }
}
