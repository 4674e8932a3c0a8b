//! JSON in which no two readers can see different things: no member twice, no depth without end.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of a message that is signed or read here.
const DEPTH_MAX: usize = 8;
/// Most fields of a request: a batch has about a hundred.
const FIELDS_MAX: usize = 512;

/// A value, numbers as their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Leaf(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    /// None where it is no JSON, has a member twice, or nests too deep.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let json: Self = serde_json::from_slice(text).ok()?;
        json.is_within(DEPTH_MAX).then_some(json)
    }

    fn is_within(&self, depth: usize) -> bool {
        match self {
            Self::Leaf(_) => true,
            _ if depth == 0 => false,
            Self::List(items) => items.iter().all(|item| item.is_within(depth - 1)),
            Self::Map(members) => members.iter().all(|(_, value)| value.is_within(depth - 1)),
        }
    }

    /// The member of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(known, _)| known == name).map(|of| &of.1),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Leaf(text) => Some(text),
            _ => None,
        }
    }

    /// Every leaf with its dotted path.
    fn flatten(&self, path: &str, into: &mut Vec<(String, String)>) {
        let below = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        match self {
            Self::Leaf(text) => into.push((path.to_owned(), text.clone())),
            Self::List(items) => {
                let each = items.iter().enumerate();
                each.for_each(|(place, item)| item.flatten(&below(&place.to_string()), into));
            }
            Self::Map(members) => {
                members.iter().for_each(|(name, value)| value.flatten(&below(name), into));
            }
        }
    }
}

/// The fields of a body, JSON or a form; none where it can be read in two ways or in none.
pub fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    match body.first() {
        None => {}
        Some(b'{' | b'[') => Json::parse(body)?.flatten("", &mut fields),
        Some(_) => fields.extend(url::form_urlencoded::parse(body).into_owned()),
    }
    (fields.len() <= FIELDS_MAX).then_some(fields)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Leaf(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Leaf(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Leaf(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Leaf(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Leaf(value.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Leaf("null".to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut members: Vec<(String, Json)> = Vec::new();
                let mut seen = std::collections::BTreeSet::new();
                while let Some((name, value)) = map.next_entry::<String, Json>()? {
                    // Two spellings of one name are two names to one reader and one to another.
                    if !seen.insert(name.to_lowercase()) {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                    members.push((name, value));
                }
                Ok(Json::Map(members))
            }
        }
        from.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_two_readers_could_understand_differently_has_no_fields() {
        for odd in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"A":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":1} {"b":2}"#,
            r#"{"a":1"#,
            "[[[[[[[[[[1]]]]]]]]]]",
        ] {
            assert_eq!(fields(odd.as_bytes()), None, "{odd}");
        }
        let found = fields(br#"{"a":{"b":[1,"x",true]},"c":0.020}"#).unwrap();
        let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(found, [("a.b.0", "1"), ("a.b.1", "x"), ("a.b.2", "true"), ("c", "0.02")]);
        let form = fields(b"a=1&b=%41").unwrap();
        assert_eq!(form, [("a".into(), "1".into()), ("b".into(), "A".to_owned())]);
        assert_eq!(fields(b""), Some(Vec::new()));
    }
}
