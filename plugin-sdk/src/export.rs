//! The macros that turn a type into a component.
//!
//! Comes in: the name of a type. Goes out, in wasm: the exports of its world, the crate's
//! `plugin.yaml` as custom section `wickd:manifest`, and the contract's version as custom section
//! `wickd:wit`, so that a host reads both without running anything. Natively nothing, so that the
//! plugin's unit tests build. Deliberately absent: code; all of it is in the guest types.

/// Exports a [`Strategy`](crate::Strategy) as a component. Once per crate.
#[macro_export]
macro_rules! export_strategy {
    ($plugin:ident) => {
        $crate::__export!($plugin, strategy, StrategyGuest, StrategySession);
    };
}

/// Exports a [`Signal`](crate::Signal) as a component. Once per crate.
#[macro_export]
macro_rules! export_signal {
    ($plugin:ident) => {
        $crate::__export!($plugin, signal, SignalGuest, SignalSession);
    };
}

/// Exports an [`Indicator`](crate::Indicator) as a component. Once per crate.
#[macro_export]
macro_rules! export_indicator {
    ($plugin:ident) => {
        $crate::__export!($plugin, indicator, IndicatorGuest, IndicatorSession);
    };
}

/// Exports an [`Exchange`](crate::Exchange) as a component. Once per crate.
#[macro_export]
macro_rules! export_exchange {
    ($plugin:ident) => {
        $crate::__export!($plugin, exchange, ExchangeGuest, ExchangeSession);
    };
}

/// Exports a [`Utility`](crate::Utility) as a component. Once per crate.
#[macro_export]
macro_rules! export_utility {
    ($plugin:ident) => {
        $crate::__export!($plugin, utility, UtilityGuest, UtilitySession);
    };
}

/// Exports a [`Feed`](crate::Feed) as a component. Once per crate.
#[macro_export]
macro_rules! export_feed {
    ($plugin:ident) => {
        $crate::__export!($plugin, feed, FeedGuest, FeedSession);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ident, $world:ident, $guest:ident, $session:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "a linker section and an export name have no safe spelling")]
        const _: () = {
            impl $crate::__private::Seated for $plugin {
                type Session = $crate::__private::$session<$plugin>;

                fn seat()
                -> &'static ::std::thread::LocalKey<$crate::__private::Seat<Self::Session>> {
                    ::std::thread_local! {
                        static SEAT: $crate::__private::Seat<
                            $crate::__private::$session<$plugin>,
                        > = const { $crate::__private::Seat::new() };
                    }
                    &SEAT
                }
            }

            type Component = $crate::__private::$guest<$plugin>;
            $crate::bindings::$world::export!(Component with_types_in $crate::bindings::$world);

            const BYTES: &[u8] = ::core::include_bytes!(::core::concat!(
                ::core::env!("CARGO_MANIFEST_DIR"),
                "/plugin.yaml"
            ));
            #[unsafe(link_section = "wickd:manifest")]
            #[used]
            static MANIFEST: [u8; BYTES.len()] = *::core::include_bytes!(::core::concat!(
                ::core::env!("CARGO_MANIFEST_DIR"),
                "/plugin.yaml"
            ));
            #[unsafe(link_section = "wickd:wit")]
            #[used]
            static WIT: [u8; $crate::WIT_VERSION.len()] = *$crate::__private::WIT_VERSION_BYTES;
        };
    };
}
