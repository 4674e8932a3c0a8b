//! Building guests, once per test process. Cargo itself knows which are stale.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

/// Where Cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The component of a guest crate, built if it was not there or was stale.
pub fn component(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(build);
    let path = folder.join(format!("{}.wasm", name.replace('-', "_")));
    assert!(path.is_file(), "there is no guest `{name}`: {}", path.display());
    path
}

/// Its bytes.
pub fn component_bytes(name: &str) -> Vec<u8> {
    std::fs::read(component(name)).expect("a built guest can be read")
}

/// Builds every guest and every example plugin. A target folder of its own, because the Cargo that
/// runs this test may hold the lock of the usual one.
fn build() -> PathBuf {
    let target = target().join("guests");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).arg("build").args(["--profile", "guest", "--locked", "--quiet"]);
    cargo.args(["--target", "wasm32-wasip2", "--target-dir"]).arg(&target);
    for folder in ["tests/guests", "example-plugins"] {
        let crates = root().join(folder).read_dir().expect("the folder of guests is there");
        for entry in crates.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file()) {
            cargo.arg("-p").arg(entry.file_name());
        }
    }
    let status = cargo.status().expect("cargo runs");
    assert!(
        status.success(),
        "the guests do not build; `rustup target add wasm32-wasip2` may help"
    );
    target.join("wasm32-wasip2/guest")
}
