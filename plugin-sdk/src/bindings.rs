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
        // The second and third are for fixtures.
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
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

/// The world of exchange adapters.
pub mod exchange {
    wit_bindgen::generate!({
        path: "../wit",
        world: "exchange",
        // The second and third are for fixtures.
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        pub_export_macro: true,
        with: {
            "wickd:plugin/types@0.1.0": super::strategy::wickd::plugin::types,
            "wickd:plugin/params@0.1.0": super::strategy::wickd::plugin::params,
            "wickd:plugin/runtime@0.1.0": super::strategy::wickd::plugin::runtime,
        },
    });
}

/// The world of utilities; owns what the I/O tier shares.
pub mod utility {
    wit_bindgen::generate!({
        path: "../wit",
        world: "utility",
        pub_export_macro: true,
        generate_all,
        with: {
            "wickd:plugin/types@0.1.0": super::strategy::wickd::plugin::types,
            "wickd:plugin/params@0.1.0": super::strategy::wickd::plugin::params,
            "wickd:plugin/runtime@0.1.0": super::strategy::wickd::plugin::runtime,
        },
    });
}

/// The world of feeds.
pub mod feed {
    wit_bindgen::generate!({
        path: "../wit",
        world: "feed",
        pub_export_macro: true,
        with: {
            "wickd:plugin/types@0.1.0": super::strategy::wickd::plugin::types,
            "wickd:plugin/params@0.1.0": super::strategy::wickd::plugin::params,
            "wickd:plugin/runtime@0.1.0": super::strategy::wickd::plugin::runtime,
            "wickd:plugin/websocket@0.1.0": super::utility::wickd::plugin::websocket,
            "wasi:io/error@0.2.12": super::utility::wasi::io::error,
            "wasi:io/poll@0.2.12": super::utility::wasi::io::poll,
            "wasi:io/streams@0.2.12": super::utility::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": super::utility::wasi::clocks::monotonic_clock,
            "wasi:http/types@0.2.12": super::utility::wasi::http::types,
            "wasi:http/outgoing-handler@0.2.12": super::utility::wasi::http::outgoing_handler,
            "wasi:sockets/network@0.2.12": super::utility::wasi::sockets::network,
            "wasi:sockets/instance-network@0.2.12": super::utility::wasi::sockets::instance_network,
            "wasi:sockets/ip-name-lookup@0.2.12": super::utility::wasi::sockets::ip_name_lookup,
            "wasi:sockets/tcp@0.2.12": super::utility::wasi::sockets::tcp,
            "wasi:sockets/tcp-create-socket@0.2.12": super::utility::wasi::sockets::tcp_create_socket,
            "wasi:sockets/udp@0.2.12": super::utility::wasi::sockets::udp,
            "wasi:sockets/udp-create-socket@0.2.12": super::utility::wasi::sockets::udp_create_socket,
        },
    });
}
