//! Statically typed bindings of the worlds, made from `wit/`. The worlds share their types.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

pub(crate) mod strategy {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "strategy",
        imports: { default: trappable },
        // Recorded talk with a venue spells these nouns in JSON.
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

pub(crate) mod signal {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "signal",
        imports: { default: trappable },
        with: {
            "wickd:plugin/types": crate::bindings::strategy::wickd::plugin::types,
            "wickd:plugin/params": crate::bindings::strategy::wickd::plugin::params,
            "wickd:plugin/wants": crate::bindings::strategy::wickd::plugin::wants,
            "wickd:plugin/signals": crate::bindings::strategy::wickd::plugin::signals,
            "wickd:plugin/runtime": crate::bindings::strategy::wickd::plugin::runtime,
            "wickd:plugin/inputs": crate::bindings::strategy::wickd::plugin::inputs,
        },
    });
}

pub(crate) mod indicator {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "indicator",
        imports: { default: trappable },
        with: {
            "wickd:plugin/types": crate::bindings::strategy::wickd::plugin::types,
            "wickd:plugin/params": crate::bindings::strategy::wickd::plugin::params,
            "wickd:plugin/runtime": crate::bindings::strategy::wickd::plugin::runtime,
        },
    });
}

pub(crate) mod exchange {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "exchange",
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
        with: {
            "wickd:plugin/types": crate::bindings::strategy::wickd::plugin::types,
            "wickd:plugin/params": crate::bindings::strategy::wickd::plugin::params,
            "wickd:plugin/runtime": crate::bindings::strategy::wickd::plugin::runtime,
        },
    });
}

// WASI's own interfaces are linked by wasmtime's bindings, so these worlds name only ours.
pub(crate) mod utility {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package wickd:host;
            world utility {
                import wickd:plugin/runtime@0.1.0;
                import wickd:plugin/websocket@0.1.0;
                export wickd:plugin/utility-api@0.1.0;
            }
        ",
        world: "wickd:host/utility",
        imports: { "wickd:plugin/websocket": async | trappable },
        exports: { default: async },
        with: {
            "wickd:plugin/types": crate::bindings::strategy::wickd::plugin::types,
            "wickd:plugin/params": crate::bindings::strategy::wickd::plugin::params,
            "wickd:plugin/runtime": crate::bindings::strategy::wickd::plugin::runtime,
            "wickd:plugin/websocket.connection": crate::io::Connection,
        },
    });
}

pub(crate) mod feed {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package wickd:host;
            world feed {
                import wickd:plugin/runtime@0.1.0;
                import wickd:plugin/websocket@0.1.0;
                import wickd:plugin/giving@0.1.0;
                export wickd:plugin/feed-api@0.1.0;
            }
        ",
        world: "wickd:host/feed",
        exports: { default: async },
        with: {
            "wickd:plugin/types": crate::bindings::strategy::wickd::plugin::types,
            "wickd:plugin/params": crate::bindings::strategy::wickd::plugin::params,
            "wickd:plugin/runtime": crate::bindings::strategy::wickd::plugin::runtime,
            "wickd:plugin/websocket": crate::bindings::utility::wickd::plugin::websocket,
        },
    });
}

/// Name lookup of `wasi:sockets`, because wasmtime's own asks the system for any name.
pub(crate) mod names {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package wickd:host;
            world names { import wasi:sockets/ip-name-lookup@0.2.12; }
        ",
        world: "wickd:host/names",
        imports: {
            "wasi:sockets/ip-name-lookup.resolve-addresses": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
            "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::io::Answers,
        },
    });
}

pub(crate) use strategy::wickd::plugin as wit;
