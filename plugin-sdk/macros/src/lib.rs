//! The derives of `wickd-sdk`.
//!
//! Comes in: an author's struct with its attributes. Goes out: implementations of the traits of the
//! same name in `wickd-sdk`, where what they mean is documented. Deliberately absent: rules about
//! values; attributes become typed expressions, so that rustc checks them.

mod choice;
mod params;
mod state;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Params` for a struct.
///
/// Each field takes `#[param(default = …, min = …, max = …, step = …, description = "…")]`, where
/// all but the default may be left out and the first paragraph of the doc comment stands in for the
/// description; or `#[param(nested)]` for a struct of its own, whose keys follow a dot.
#[proc_macro_derive(Params, attributes(param))]
pub fn derive_params(input: TokenStream) -> TokenStream {
    finish(params::expand(&parse_macro_input!(input as DeriveInput)))
}

/// Derives `Param` for an enum without fields: one of several words.
///
/// A variant's word is its name in kebab case: `VolumeOnly` is `volume-only`.
#[proc_macro_derive(Choice)]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    finish(choice::expand(&parse_macro_input!(input as DeriveInput)))
}

/// Derives `Field`, and `State` where `#[state(version = N)]` or `#[state(none)]` is given.
///
/// `#[state(version = N, migrate = path)]` names a
/// `fn(&mut Self, saved_version: u32, bytes: &[u8]) -> Result<(), StateError>` for other versions.
/// A field with `#[state(skip)]` is not saved: `new` made it from the parameters.
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    finish(state::expand(&parse_macro_input!(input as DeriveInput)))
}

fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error()).into()
}
