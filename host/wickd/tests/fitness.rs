//! A limit of the service is told as such, with its knob, before any plugin is looked at.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::process::Command;

use wickd_tests::Stage;

#[test]
fn too_little_address_space_is_told_with_its_knob_and_an_exit_code() {
    let stage = Stage::new();
    let config = "feeds:\n  - name: walk\n    synthetic: {instruments: [BTC-USDT], ticks_per_s: 1}\n\
                  instruments:\n  BTC-USDT: {price_scale: 2, size_scale: 6}\n";
    std::fs::write(stage.dir().join("wickd.yaml"), config).expect("a temporary file");
    // The shell lowers its own limit and becomes wickd: about 3 GB, where one guest reserves four.
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 3000000 && exec \"$0\" run", env!("CARGO_BIN_EXE_wickd")])
        .current_dir(stage.dir())
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(71), "{stderr}");
    assert!(stderr.contains("LimitAS=infinity"), "{stderr}");
}
