//! `#[derive(State)]`.
//!
//! Comes in: a struct, or an enum without fields. Goes out: `Field`, and `State` where a version is
//! given. Deliberately absent: the encoding of values, which is the SDK's.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, LitInt, Path};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let keep = read_attributes(input)?;
    let name = &input.ident;
    let (impl_generics, type_generics, bounds) = input.generics.split_for_impl();
    let state = match keep {
        Keep::Part => quote!(),
        Keep::Nothing => {
            return Ok(quote! {
                impl #impl_generics ::wickd_sdk::__private::State for #name #type_generics #bounds {
                    const VERSION: u32 = 0;
                    fn save(&self) -> ::std::vec::Vec<u8> {
                        ::std::vec::Vec::new()
                    }
                    fn restore(
                        &mut self,
                        _: u32,
                        _: &[u8],
                    ) -> ::core::result::Result<(), ::wickd_sdk::__private::StateError> {
                        ::core::result::Result::Err(::wickd_sdk::__private::StateError::Stateless)
                    }
                }
            });
        }
        Keep::Version(version, migrate) => {
            let other = match migrate {
                Some(migrate) => quote!(#migrate(self, version, bytes)),
                None => quote!(::core::result::Result::Err(
                    ::wickd_sdk::__private::StateError::Version { saved: version, ours: #version }
                )),
            };
            quote! {
                impl #impl_generics ::wickd_sdk::__private::State for #name #type_generics #bounds {
                    const VERSION: u32 = #version;
                    fn save(&self) -> ::std::vec::Vec<u8> {
                        ::wickd_sdk::__private::encode(self)
                    }
                    fn restore(
                        &mut self,
                        version: u32,
                        bytes: &[u8],
                    ) -> ::core::result::Result<(), ::wickd_sdk::__private::StateError> {
                        if version == #version {
                            return ::wickd_sdk::__private::decode(self, bytes);
                        }
                        #other
                    }
                }
            }
        }
    };
    let Body { layout, write, read } = match &input.data {
        Data::Struct(data) => of_struct(&data.fields)?,
        Data::Enum(data) => of_enum(input, data)?,
        Data::Union(_) => return Err(Error::new_spanned(input, "a union has no state")),
    };
    Ok(quote! {
        impl #impl_generics ::wickd_sdk::__private::Field for #name #type_generics #bounds {
            const LAYOUT: u64 = {
                let layout = ::wickd_sdk::__private::fingerprint("struct");
                #layout
                layout
            };
            fn write(&self, to: &mut ::std::vec::Vec<u8>) {
                #write
            }
            fn read(
                &mut self,
                from: &mut ::wickd_sdk::__private::Reader<'_>,
            ) -> ::core::result::Result<(), ::wickd_sdk::__private::StateError> {
                #read
                ::core::result::Result::Ok(())
            }
        }
        #state
    })
}

/// What a type says of itself with `#[state(…)]`.
enum Keep {
    /// Nothing said: a part of another state.
    Part,
    /// `none`.
    Nothing,
    /// `version = N`, perhaps with `migrate = path`.
    Version(u32, Option<Path>),
}

fn read_attributes(input: &DeriveInput) -> syn::Result<Keep> {
    let (mut none, mut version, mut migrate) = (false, None, None);
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("state")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("none") {
                none = true;
            } else if meta.path.is_ident("version") {
                let literal: LitInt = meta.value()?.parse()?;
                let number: u32 = literal.base10_parse()?;
                if number == 0 {
                    return Err(Error::new_spanned(literal, "0 means no state; write `none`"));
                }
                version = Some(number);
            } else if meta.path.is_ident("migrate") {
                migrate = Some(meta.value()?.parse::<Path>()?);
            } else {
                return Err(meta.error("unknown attribute; known are: none, version, migrate"));
            }
            Ok(())
        })?;
    }
    match (none, version, migrate) {
        (false, None, None) => Ok(Keep::Part),
        (true, None, None) => Ok(Keep::Nothing),
        (false, Some(version), migrate) => Ok(Keep::Version(version, migrate)),
        (true, _, _) => Err(Error::new_spanned(input, "`none` stands alone")),
        (false, None, Some(path)) => Err(Error::new_spanned(path, "`migrate` needs `version`")),
    }
}

/// The three bodies of a `Field`.
struct Body {
    layout: TokenStream,
    write: TokenStream,
    read: TokenStream,
}

fn of_struct(fields: &Fields) -> syn::Result<Body> {
    let mut body = Body { layout: quote!(), write: quote!(), read: quote!() };
    for (at, field) in fields.iter().enumerate() {
        if skipped(field)? {
            continue;
        }
        let place = field.ident.as_ref().map_or_else(
            || {
                let index = syn::Index::from(at);
                quote!(#index)
            },
            |name| quote!(#name),
        );
        let key = place.to_string();
        let ty = &field.ty;
        let as_field = quote_spanned!(ty.span()=> <#ty as ::wickd_sdk::__private::Field>);
        body.layout.extend(quote! {
            let layout = ::wickd_sdk::__private::mix(
                layout,
                ::wickd_sdk::__private::fingerprint(#key),
            );
            let layout = ::wickd_sdk::__private::mix(layout, #as_field::LAYOUT);
        });
        body.write.extend(quote!(#as_field::write(&self.#place, to);));
        body.read.extend(quote!(#as_field::read(&mut self.#place, from)?;));
    }
    Ok(body)
}

fn skipped(field: &Field) -> syn::Result<bool> {
    let mut skip = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("state")) {
        attribute.parse_nested_meta(|meta| {
            skip = meta.path.is_ident("skip");
            if skip { Ok(()) } else { Err(meta.error("unknown attribute; known is: skip")) }
        })?;
    }
    Ok(skip)
}

fn of_enum(input: &DeriveInput, data: &syn::DataEnum) -> syn::Result<Body> {
    if data.variants.iter().any(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(Error::new_spanned(input, "the variants of an enum in a state have no fields"));
    }
    if data.variants.len() > 256 {
        return Err(Error::new_spanned(input, "an enum in a state has at most 256 variants"));
    }
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let keys: Vec<_> = variants.iter().map(ToString::to_string).collect();
    let codes: Vec<u8> = (0..=u8::MAX).take(variants.len()).collect();
    Ok(Body {
        layout: quote! {
            #(let layout = ::wickd_sdk::__private::mix(
                layout,
                ::wickd_sdk::__private::fingerprint(#keys),
            );)*
        },
        write: quote!(to.push(match self { #(Self::#variants => #codes,)* });),
        read: quote! {
            *self = match from.bytes()? {
                #([#codes] => Self::#variants,)*
                _ => return ::core::result::Result::Err(
                    ::wickd_sdk::__private::StateError::Value("variant"),
                ),
            };
        },
    })
}
