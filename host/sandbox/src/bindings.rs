//! Statically typed bindings of the three worlds, made from `wit/`. The worlds share their types.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

pub(crate) mod strategy {
    wasmtime::component::bindgen!({ path: "../../wit", world: "strategy" });
}

pub(crate) mod signal {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "signal",
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
        with: {
            "wickd:plugin/types": crate::bindings::strategy::wickd::plugin::types,
            "wickd:plugin/params": crate::bindings::strategy::wickd::plugin::params,
            "wickd:plugin/runtime": crate::bindings::strategy::wickd::plugin::runtime,
        },
    });
}

pub(crate) use strategy::wickd::plugin as wit;
