//! The contract as Rust sees it, generated from `wit/`.
//!
//! Comes in: the WIT files, at compile time. Goes out: one module per world that share their types.
//! Deliberately absent: anything written by hand. Authors use the names the crate root re-exports.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, reason = "generated code")]

/// The world of strategies; owns the types all worlds share.
pub mod strategy {
    wit_bindgen::generate!({
        path: "../wit",
        world: "strategy",
        additional_derives: [PartialEq],
        pub_export_macro: true,
    });
}

/// The world of signals.
pub mod signal {
    wit_bindgen::generate!({
        path: "../wit",
        world: "signal",
        pub_export_macro: true,
        with: {
            "wickd:plugin/types@0.1.0": super::strategy::wickd::plugin::types,
            "wickd:plugin/params@0.1.0": super::strategy::wickd::plugin::params,
            "wickd:plugin/wants@0.1.0": super::strategy::wickd::plugin::wants,
            "wickd:plugin/signals@0.1.0": super::strategy::wickd::plugin::signals,
            "wickd:plugin/runtime@0.1.0": super::strategy::wickd::plugin::runtime,
            "wickd:plugin/inputs@0.1.0": super::strategy::wickd::plugin::inputs,
        },
    });
}

/// The world of indicators.
pub mod indicator {
    wit_bindgen::generate!({
        path: "../wit",
        world: "indicator",
        pub_export_macro: true,
        with: {
            "wickd:plugin/types@0.1.0": super::strategy::wickd::plugin::types,
            "wickd:plugin/params@0.1.0": super::strategy::wickd::plugin::params,
            "wickd:plugin/runtime@0.1.0": super::strategy::wickd::plugin::runtime,
        },
    });
}
