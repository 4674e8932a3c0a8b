//! `#[derive(Choice)]`.
//!
//! Comes in: an enum without fields. Goes out: `Param` for it. Deliberately absent: renaming; the
//! word an operator writes is the name the author wrote.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(input, "`Choice` is for an enum"));
    };
    if let Some(variant) = data.variants.iter().find(|v| !matches!(v.fields, Fields::Unit)) {
        return Err(Error::new_spanned(variant, "a choice has no fields"));
    }
    let name = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let words: Vec<_> = variants.iter().map(|variant| kebab(&variant.to_string())).collect();
    Ok(quote! {
        impl ::wickd_sdk::__private::Param for #name {
            type Default = Self;
            type Min = ::core::convert::Infallible;
            type Max = ::core::convert::Infallible;
            type Step = ::core::convert::Infallible;
            const KIND: &'static str = ::core::concat!("one of" #(, " ", #words)*);

            fn domain(
                attributes: ::wickd_sdk::__private::Attributes<Self>,
            ) -> (::wickd_sdk::__private::Domain, ::wickd_sdk::__private::Value) {
                let word = match attributes.default { #(Self::#variants => #words,)* };
                let words = ::std::vec![#(#words.to_owned()),*];
                (
                    ::wickd_sdk::__private::Domain::Choice(words),
                    ::wickd_sdk::__private::Value::Choice(word.to_owned()),
                )
            }

            fn from_value(
                value: &::wickd_sdk::__private::Value,
            ) -> ::core::option::Option<Self> {
                let ::wickd_sdk::__private::Value::Choice(word) = value else {
                    return ::core::option::Option::None;
                };
                match word.as_str() {
                    #(#words => ::core::option::Option::Some(Self::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }
        }
    })
}

fn kebab(name: &str) -> String {
    let mut word = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.extend(c.to_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::kebab;

    #[test]
    fn a_variant_becomes_the_word_an_operator_would_write() {
        assert_eq!(kebab("VolumeOnly"), "volume-only");
        assert_eq!(kebab("Both"), "both");
    }
}
