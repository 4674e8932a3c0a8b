//! A lazy view of JSON: what is read is checked, what is not read is skipped.
//!
//! Comes in: the bytes of a reply or a frame. Goes out: fields by name, numbers as the text they
//! are, whether the venue writes them as numbers or as strings. Deliberately absent: floats, and a
//! tree; every value is a slice of the bytes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Failure;
use super::number::{self, Exact, Rounding};
use crate::TsNs;

/// Nanoseconds of a millisecond.
const MS_NS: u64 = 1_000_000;

/// Bytes that are not what the venue documents; names the field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("not the JSON expected: {error}"))
    }
}

/// One JSON value, unread.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(&'a RawValue);

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(from).map(Json)
    }
}

impl<'a> Json<'a> {
    /// Reads a whole text.
    ///
    /// # Errors
    /// It is not UTF-8, or not one JSON value.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Ok(serde_json::from_str(text(bytes)?)?)
    }

    /// Its fields.
    ///
    /// # Errors
    /// It is no object.
    pub fn object(self) -> Result<Object<'a>, Malformed> {
        Ok(serde_json::from_str(self.0.get())?)
    }

    /// Its items.
    ///
    /// # Errors
    /// It is no list.
    pub fn list(self) -> Result<Vec<Self>, Malformed> {
        Ok(serde_json::from_str(self.0.get())?)
    }

    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        self.0.get().starts_with('[')
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0.get() == "null"
    }

    /// Its text; a number or a word like `true` as it stands.
    ///
    /// # Errors
    /// It is an object or a list, or escapes wrongly.
    pub fn text(self) -> Result<Cow<'a, str>, Malformed> {
        let raw = self.0.get();
        let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match inner {
            Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
            Some(_) => Ok(Cow::Owned(serde_json::from_str(raw)?)),
            None if raw.starts_with(['{', '[']) => {
                Err(Malformed("an object or a list where a text should stand".to_owned()))
            }
            None => Ok(Cow::Borrowed(raw)),
        }
    }

    /// The token of a number, in quotes or not; whether it is one shows when it is read.
    fn token(self) -> &'a str {
        let raw = self.0.get();
        raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw)
    }

    /// A number as an integer at a scale, exactly.
    ///
    /// # Errors
    /// It is no number, or has more digits than the scale holds.
    pub fn scaled(self, scale: u8) -> Result<i64, Malformed> {
        let token = self.token();
        number::scaled(token, scale).map_err(|error| misread(token, error))
    }

    /// A number of any size.
    ///
    /// # Errors
    /// It is none.
    pub fn exact(self) -> Result<Exact, Malformed> {
        let token = self.token();
        Exact::parse(token).map_err(|error| misread(token, error))
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is none, or negative.
    pub fn whole(self) -> Result<u64, Malformed> {
        let token = self.token();
        token.parse().map_err(|_| misread(token, "not a whole number"))
    }

    /// Milliseconds since 1970 as nanoseconds.
    ///
    /// # Errors
    /// It is no whole number, or lies beyond the year 2554.
    pub fn ms(self) -> Result<TsNs, Malformed> {
        let late = || misread(self.token(), "no time before the year 2554");
        self.whole()?.checked_mul(MS_NS).ok_or_else(late)
    }

    /// Walks rows of `[price, size, …]`; each may be a number or a text.
    ///
    /// # Errors
    /// A row is shorter, or `each` refuses it.
    pub fn pairs(
        self,
        mut each: impl FnMut(Json<'a>, Json<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut refused = None;
        let walk = Pairs(&mut |price, size| {
            let outcome = each(price, size);
            let go_on = outcome.is_ok();
            refused = refused.take().or(outcome.err());
            go_on
        });
        let read = serde_json::Deserializer::from_str(self.0.get()).deserialize_seq(walk);
        match refused {
            Some(malformed) => Err(malformed),
            None => Ok(read?),
        }
    }
}

/// Checked once and whole, so that no value in it has to be checked again.
fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|error| Malformed(format!("not UTF-8: {error}")))
}

fn misread(token: &str, error: impl fmt::Display) -> Malformed {
    let shown: String = token.chars().take(48).collect();
    Malformed(format!("`{shown}`: {error}"))
}

struct Pairs<'f, 'a>(&'f mut dyn FnMut(Json<'a>, Json<'a>) -> bool);

impl<'de: 'a, 'a> Visitor<'de> for Pairs<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut rows: S) -> Result<(), S::Error> {
        while let Some(row) = rows.next_element::<Row<'a>>()? {
            if !(self.0)(row.0, row.1) {
                // Whoever walks knows why; the rest need not be read.
                return Err(serde::de::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

struct Row<'a>(Json<'a>, Json<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Columns<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Columns<'a> {
            type Value = Row<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row of price and size")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut row: S) -> Result<Row<'a>, S::Error> {
                let short = |at| serde::de::Error::invalid_length(at, &"price and size");
                let price = row.next_element()?.ok_or_else(|| short(0))?;
                let size = row.next_element()?.ok_or_else(|| short(1))?;
                while row.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row(price, size))
            }
        }
        from.deserialize_seq(Columns(std::marker::PhantomData))
    }
}

/// The fields of a JSON object, in the order they came.
#[derive(Clone, Debug)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'a>, M::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }
        from.deserialize_map(Fields(std::marker::PhantomData))
    }
}

/// A field's name, borrowed where it has no escape.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Text<'a> {
            type Value = Name<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        from.deserialize_str(Text(std::marker::PhantomData))
    }
}

impl<'a> Object<'a> {
    /// Reads a whole text.
    ///
    /// # Errors
    /// It is not UTF-8, or not one JSON object.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Ok(serde_json::from_str(text(bytes)?)?)
    }

    /// A field; `None` where it is missing or `null`. Of a name written twice the first counts.
    pub fn get(&self, name: &str) -> Option<Json<'a>> {
        // A look at the first byte spares most comparisons, and a call for each of them.
        let first = name.as_bytes().first();
        let is = |known: &str| known.as_bytes().first() == first && known == name;
        let field = self.0.iter().find(|(known, _)| is(known));
        field.map(|(_, value)| *value).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// It is missing or `null`; the message names it.
    pub fn need(&self, name: &str) -> Result<Json<'a>, Malformed> {
        self.get(name).ok_or_else(|| Malformed(format!("`{name}` is missing")))
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(Json<'a>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        read(self.need(name)?).map_err(|error| Malformed(format!("`{name}`: {error}")))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// It is missing, or no text.
    pub fn text(&self, name: &str) -> Result<Cow<'a, str>, Malformed> {
        self.read(name, Json::text)
    }

    /// A text; empty where it is missing or no text.
    pub fn text_or_empty(&self, name: &str) -> Cow<'a, str> {
        self.get(name).and_then(|value| value.text().ok()).unwrap_or_default()
    }

    /// A text that must be there and hold something.
    ///
    /// # Errors
    /// It is missing, empty, or no text.
    pub fn word(&self, name: &str) -> Result<Cow<'a, str>, Malformed> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Err(Malformed(format!("`{name}` is empty")));
        }
        Ok(text)
    }

    /// Whether the field is written at all, if only as `null`.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The fields of a field.
    ///
    /// # Errors
    /// It is missing, or no object.
    pub fn object(&self, name: &str) -> Result<Object<'a>, Malformed> {
        self.read(name, Json::object)
    }

    /// The items of a field.
    ///
    /// # Errors
    /// It is missing, or no list.
    pub fn list(&self, name: &str) -> Result<Vec<Json<'a>>, Malformed> {
        self.read(name, Json::list)
    }

    /// A number as an integer at a scale, exactly.
    ///
    /// # Errors
    /// It is missing, no number, or has more digits than the scale holds.
    pub fn scaled(&self, name: &str, scale: u8) -> Result<i64, Malformed> {
        self.read(name, |value| value.scaled(scale))
    }

    /// A number as an integer at a scale, rounded.
    ///
    /// # Errors
    /// It is missing, no number, or leaves an `i64`.
    pub fn rounded(&self, name: &str, scale: u8, rounding: Rounding) -> Result<i64, Malformed> {
        self.read(name, |value| {
            value.exact()?.at(scale, rounding).map_err(|error| misread(value.token(), error))
        })
    }

    /// A number of any size.
    ///
    /// # Errors
    /// It is missing, or no number.
    pub fn exact(&self, name: &str) -> Result<Exact, Malformed> {
        self.read(name, Json::exact)
    }

    /// A number as plain decimal text.
    ///
    /// # Errors
    /// It is missing, or no number.
    pub fn decimal(&self, name: &str) -> Result<String, Malformed> {
        self.exact(name).map(Exact::text)
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is missing, negative or none.
    pub fn whole(&self, name: &str) -> Result<u64, Malformed> {
        self.read(name, Json::whole)
    }

    /// Milliseconds since 1970 as nanoseconds.
    ///
    /// # Errors
    /// It is missing, or no such time.
    pub fn ms(&self, name: &str) -> Result<TsNs, Malformed> {
        self.read(name, Json::ms)
    }

    /// Yes or no, as a word or a text; `None` where it is missing or `null`.
    ///
    /// # Errors
    /// It is neither.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, Malformed> {
        let truth = |value: Json<'a>| match value.token() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(misread(other, "neither true nor false")),
        };
        self.get(name).map(|_| self.read(name, truth)).transpose()
    }

    /// A rate in millionths: rounded toward zero, but never to it.
    ///
    /// # Errors
    /// It is missing, no number, or leaves an `i64`.
    pub fn millionths(&self, name: &str) -> Result<i64, Malformed> {
        const SCALE: u8 = 6;
        let exact = self.exact(name)?;
        match self.rounded(name, SCALE, Rounding::ToZero)? {
            0 if exact.is_positive() => Ok(1),
            0 if !exact.is_zero() => Ok(-1),
            rate => Ok(rate),
        }
    }

    /// True only for `true`, as a word or a text.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.token() == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_the_same_as_a_number_and_as_a_text() {
        let both = Object::parse(br#"{"a": 1.50, "b":"1.50", "c":1.5e0, "d":null}"#).unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(both.scaled(name, 2), Ok(150));
        }
        assert_eq!(both.scaled("d", 2).unwrap_err().0, "`d` is missing");
        let odd = Object::parse(br#"{"p":"NaN","t":-1,"s":"a\u0062"}"#).unwrap();
        assert!(odd.scaled("p", 2).unwrap_err().0.starts_with("`p`: `NaN`: not a plain decimal"));
        assert!(odd.ms("t").is_err());
        assert_eq!(odd.text("s").unwrap(), "ab");
    }

    #[test]
    fn a_word_that_is_neither_yes_nor_no_is_no_answer() {
        let all = Object::parse(br#"{"y":true,"n":"false","z":null,"o":"maybe","i":1}"#).unwrap();
        assert_eq!(
            ["y", "n", "z"].map(|name| all.truth(name).unwrap()),
            [Some(true), Some(false), None]
        );
        assert!(all.truth("o").is_err() && all.truth("i").is_err());
    }

    #[test]
    fn a_rate_is_never_rounded_to_nothing() {
        let rates =
            Object::parse(br#"{"a":"0.0001234","b":"1e-9","c":-0.0000001,"d":"0.0"}"#).unwrap();
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| rates.millionths(name).unwrap()),
            [123, 1, -1, 0]
        );
    }

    #[test]
    fn rows_are_walked_in_order_and_stop_at_the_first_refusal() {
        let rows = Json::parse(br#"[["1","2"],[3,4,"more"],["5","x"]]"#).unwrap();
        let mut seen = Vec::new();
        let outcome = rows.pairs(|price, size| {
            seen.push((price.scaled(0)?, size.scaled(0)?));
            Ok(())
        });
        assert_eq!(seen, [(1, 2), (3, 4)]);
        assert!(outcome.unwrap_err().0.starts_with("`x`"));
        assert!(Json::parse(br#"[["1"]]"#).unwrap().pairs(|_, _| Ok(())).is_err());
        assert!(Json::parse(br#"{"a":1}"#).unwrap().pairs(|_, _| Ok(())).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(object) = Object::parse(&bytes) {
                let _ = object.scaled("a", 2);
            }
            let _ = Json::parse(&bytes).and_then(|json| json.pairs(|_, _| Ok(())));
        }
    }
}
