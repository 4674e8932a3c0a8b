//! `#[derive(Params)]`.
//!
//! Comes in: a struct whose fields carry `#[param(…)]`. Goes out: `Params` for it. Deliberately
//! absent: knowledge of types; each attribute goes into a typed struct of the SDK.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Lit, Meta};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "`Params` is for a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&data.fields, "`Params` needs named fields: they are keys"));
    };
    let (mut specs, mut reads, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for field in &fields.named {
        let (spec, read) = one(field)?;
        specs.push(spec);
        reads.push(read);
        names.push(field.ident.clone());
    }
    let name = &input.ident;
    Ok(quote! {
        impl ::wickd_sdk::__private::Params for #name {
            fn specs(
                prefix: &str,
                to: &mut ::std::vec::Vec<::wickd_sdk::__private::Spec>,
            ) {
                #(#specs)*
            }

            fn read(
                prefix: &str,
                entries: &[::wickd_sdk::__private::Entry],
                issues: &mut ::std::vec::Vec<::wickd_sdk::__private::Issue>,
            ) -> ::core::option::Option<Self> {
                // All are read before the first is missed, so that one answer names every issue.
                #(let #names = #reads;)*
                ::core::option::Option::Some(Self { #(#names: #names?,)* })
            }
        }
    })
}

/// What adds the specs of a field, and what reads it.
fn one(field: &Field) -> syn::Result<(TokenStream, TokenStream)> {
    let attributes = read_attributes(field)?;
    let key = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let key = key.trim_start_matches("r#");
    let ty = &field.ty;
    if attributes.nested {
        let inner = format!("{key}.");
        let prefix = quote!(&::std::format!("{prefix}{}", #inner));
        return Ok((
            quote!(<#ty as ::wickd_sdk::__private::Params>::specs(#prefix, to);),
            quote!(<#ty as ::wickd_sdk::__private::Params>::read(#prefix, entries, issues)),
        ));
    }
    let Some(default) = attributes.default else {
        return Err(Error::new_spanned(
            field,
            "needs `#[param(default = …)]` or `#[param(nested)]`",
        ));
    };
    let Some(description) = attributes.description.or_else(|| doc(&field.attrs)) else {
        return Err(Error::new_spanned(field, "needs `description = \"…\"` or a doc comment"));
    };
    let (min, max, step) =
        (option(attributes.min), option(attributes.max), option(attributes.step));
    let spec = quote! {
        to.push(::wickd_sdk::__private::spec::<#ty>(
            prefix,
            #key,
            #description,
            ::wickd_sdk::__private::Attributes {
                default: #default,
                min: #min,
                max: #max,
                step: #step,
            },
        ));
    };
    let read = quote!(::wickd_sdk::__private::field::<#ty>(prefix, #key, entries, issues));
    Ok((spec, read))
}

#[derive(Default)]
struct Attributes {
    nested: bool,
    default: Option<Expr>,
    min: Option<Expr>,
    max: Option<Expr>,
    step: Option<Expr>,
    description: Option<String>,
}

fn read_attributes(field: &Field) -> syn::Result<Attributes> {
    let mut found = Attributes::default();
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("param")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("nested") {
                found.nested = true;
                return Ok(());
            }
            let slot = match meta.path.to_token_stream().to_string().as_str() {
                "default" => &mut found.default,
                "min" => &mut found.min,
                "max" => &mut found.max,
                "step" => &mut found.step,
                "description" => {
                    found.description = Some(meta.value()?.parse::<syn::LitStr>()?.value());
                    return Ok(());
                }
                _ => {
                    let known = "nested, default, min, max, step, description";
                    return Err(meta.error(format!("unknown attribute; known are: {known}")));
                }
            };
            *slot = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(found)
}

fn option(value: Option<Expr>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// The first paragraph of a doc comment, as one line.
fn doc(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let paragraph: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    (!paragraph.is_empty()).then(|| paragraph.join(" "))
}
