//! A recipe's placeholders and what stands in them.
//!
//! Comes in: templates, a draft, a slot. Goes out: texts, overwritten when they are dropped.
//! Deliberately absent: deciding whether anything may be signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use wickd_policy::venue::{Endpoint, Form, Mac, Part, Recipe, Template, TimeForm};
use zeroize::Zeroizing;

use super::{Draft, Moment, Refusal, quoted};
use crate::secret::Slot;

/// Deepest JSON that is signed member by member.
const DEPTH_MAX: usize = 3;

/// Everything that templates can ask for.
pub(super) struct Fill<'a> {
    recipe: &'a Recipe,
    endpoint: &'a Endpoint,
    slot: &'a Slot,
    draft: Draft<'a>,
    moment: Moment,
    /// The whole path.
    pub(super) path: String,
    /// The query as it is sent, without the signature.
    pub(super) query: Zeroizing<String>,
    /// The same before percent-encoding.
    pub(super) pairs: Vec<(String, Zeroizing<String>)>,
    /// Results of the recipe's `also`, in order.
    pub(super) also: Vec<Zeroizing<String>>,
}

impl<'a> Fill<'a> {
    pub(super) fn new(
        recipe: &'a Recipe,
        endpoint: &'a Endpoint,
        slot: &'a Slot,
        draft: Draft<'a>,
        path: String,
        moment: Moment,
    ) -> Result<Self, Refusal> {
        let (query, pairs, also) = (Zeroizing::default(), Vec::new(), Vec::new());
        let mut fill = Self { recipe, endpoint, slot, draft, moment, path, query, pairs, also };
        for (_, template) in &recipe.also {
            let text = fill.text(template, "")?;
            fill.also.push(fill.mac(text.as_bytes())?);
        }
        if recipe.frame.is_none() {
            let own = draft.query.iter().map(|(n, v)| (n.clone(), Zeroizing::new(v.clone())));
            fill.pairs = own.collect();
        }
        for (name, template) in &recipe.params {
            fill.pairs.push((name.clone(), fill.text(template, "")?));
        }
        fill.query = joined(&fill.pairs, encoded);
        Ok(fill)
    }

    /// The signature over the recipe's prehash.
    pub(super) fn signature(&self) -> Result<Zeroizing<String>, Refusal> {
        let mut prehash = Zeroizing::new(Vec::new());
        for part in self.recipe.prehash.parts() {
            prehash.extend_from_slice(&self.value(part, "")?);
        }
        self.mac(&prehash)
    }

    /// A template as text.
    pub(super) fn text(
        &self,
        template: &Template,
        signature: &str,
    ) -> Result<Zeroizing<String>, Refusal> {
        let mut bytes = Vec::new();
        for part in template.parts() {
            bytes.extend_from_slice(&self.value(part, signature)?);
        }
        String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| Refusal::Json)
    }

    /// A template as JSON: values are escaped, the body stands as it is, and the whole must be JSON.
    pub(super) fn json(
        &self,
        template: &Template,
        signature: &str,
    ) -> Result<Zeroizing<String>, Refusal> {
        let mut text = Zeroizing::new(String::new());
        for part in template.parts() {
            let value = self.value(part, signature)?;
            let value = std::str::from_utf8(&value).map_err(|_| Refusal::Json)?;
            match part {
                Part::Literal(literal) => text.push_str(literal),
                // One whole value, so that it cannot end the object around it.
                Part::Body => match value.trim() {
                    "" => text.push_str("{}"),
                    body => {
                        serde_json::from_str::<Value>(body).map_err(|_| Refusal::Json)?;
                        text.push_str(body);
                    }
                },
                _ => {
                    let quoted = Value::from(value).to_string();
                    let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                    text.push_str(inner.unwrap_or_default());
                }
            }
        }
        serde_json::from_str::<Value>(&text).map_err(|_| Refusal::Json)?;
        Ok(text)
    }

    fn value(&self, part: &Part, signature: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let is_get = self.draft.method == "GET";
        let query = || self.query.as_bytes().to_vec();
        let sorted = || {
            let mut pairs = self.pairs.clone();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            joined(&pairs, encoded).as_bytes().to_vec()
        };
        let bytes: Vec<u8> = match part {
            Part::Literal(text) => text.clone().into_bytes(),
            Part::Time(form, ahead_ms) => {
                time(*form, self.moment.venue_ms.saturating_add(*ahead_ms)).into_bytes()
            }
            Part::Credential(field) => self.field(field)?.as_bytes().to_vec(),
            Part::Also(place) => {
                self.also.get(*place).map(|text| text.as_bytes().to_vec()).unwrap_or_default()
            }
            Part::Signature => signature.as_bytes().to_vec(),
            Part::Recv => self.moment.recv_ms.to_string().into_bytes(),
            Part::Nonce => self.moment.nonce.to_string().into_bytes(),
            Part::Method => self.draft.method.as_bytes().to_vec(),
            Part::Host => self.endpoint.origin.authority().into_bytes(),
            Part::Path => self.path.clone().into_bytes(),
            Part::Name => self.draft.path.trim_start_matches('/').as_bytes().to_vec(),
            Part::Target if self.query.is_empty() => self.path.clone().into_bytes(),
            Part::Target => format!("{}?{}", self.path, *self.query).into_bytes(),
            Part::Query => query(),
            Part::QuerySorted => sorted(),
            Part::QueryRaw => joined(&self.pairs, str::to_owned).as_bytes().to_vec(),
            Part::Payload if is_get => query(),
            Part::PayloadSorted if is_get => sorted(),
            Part::Body | Part::Payload | Part::PayloadSorted => self.draft.body.to_vec(),
            Part::BodySha512 => hex::encode(Sha512::digest(self.draft.body)).into_bytes(),
            Part::ParamsConcat => concatenated(self.draft.body)?.into_bytes(),
            Part::Argument(name) => {
                let found = self.draft.query.iter().find(|(known, _)| known == name);
                let (_, value) = found.ok_or_else(|| Refusal::Argument(quoted(name)))?;
                value.clone().into_bytes()
            }
        };
        Ok(Zeroizing::new(bytes))
    }

    fn field(&self, name: &str) -> Result<&'a str, Refusal> {
        self.slot.field(name).ok_or_else(|| Refusal::Field {
            slot: self.slot.name().clone(),
            field: name.to_owned(),
        })
    }

    fn mac(&self, message: &[u8]) -> Result<Zeroizing<String>, Refusal> {
        let key = self.field(&self.recipe.secret)?.as_bytes();
        macro_rules! hmac {
            ($hash:ty) => {{
                // An HMAC takes a key of any length, so this cannot fail.
                let mac = Hmac::<$hash>::new_from_slice(key).map_err(|_| Refusal::Json)?;
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }};
        }
        let bytes = Zeroizing::new(match self.recipe.mac {
            Mac::Sha256 => hmac!(Sha256),
            Mac::Sha384 => hmac!(Sha384),
            Mac::Sha512 => hmac!(Sha512),
        });
        Ok(Zeroizing::new(match self.recipe.form {
            Form::Hex => hex::encode(&*bytes),
            Form::Base64 => STANDARD.encode(&*bytes),
        }))
    }
}

fn joined(
    pairs: &[(String, Zeroizing<String>)],
    form: impl Fn(&str) -> String,
) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&form(name));
        text.push('=');
        text.push_str(&form(value));
    }
    text
}

/// Percent-encoding of everything but the unreserved characters (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The members of a JSON object by name, each name followed by its value (Crypto.com's rule).
fn concatenated(body: &[u8]) -> Result<String, Refusal> {
    if body.is_empty() {
        return Ok(String::new());
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| Refusal::Json)?;
    let mut out = String::new();
    match value.is_object() && concat(&value, 0, &mut out) {
        true => Ok(out),
        false => Err(Refusal::Json),
    }
}

/// False where the value has no one text: a fraction, or too deep.
fn concat(value: &Value, depth: usize, out: &mut String) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => {
            out.push_str(&value.to_string());
            true
        }
        Value::Number(number) if number.is_f64() => false,
        Value::Number(number) => {
            out.push_str(&number.to_string());
            true
        }
        Value::String(text) => {
            out.push_str(text);
            true
        }
        _ if depth == DEPTH_MAX => false,
        Value::Array(items) => items.iter().all(|item| concat(item, depth + 1, out)),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members.into_iter().all(|(name, value)| {
                out.push_str(name);
                concat(value, depth + 1, out)
            })
        }
    }
}

fn time(form: TimeForm, ms: u64) -> String {
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    match form {
        TimeForm::Ms => ms.to_string(),
        TimeForm::S => seconds.to_string(),
        TimeForm::IsoMs => format!("{}.{rest:03}Z", date(seconds)),
        TimeForm::IsoS => date(seconds),
    }
}

/// `2023-11-14T22:13:20`, UTC. The calendar is Hinnant's `civil_from_days`.
fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, want) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_583_020_800, "2020-03-01T00:00:00"),
            (1_700_000_000, "2023-11-14T22:13:20"),
            (1_704_067_199, "2023-12-31T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(date(seconds), want);
        }
        assert_eq!(time(TimeForm::IsoMs, 1_607_418_537_015), "2020-12-08T09:08:57.015Z");
    }

    #[test]
    fn members_are_joined_by_name_down_to_the_third_level() {
        let joined = |text: &str| concatenated(text.as_bytes()).ok();
        assert_eq!(joined("").as_deref(), Some(""));
        assert_eq!(
            joined(r#"{"b":"2","a":[{"y":1,"x":null}],"c":true}"#).as_deref(),
            Some("ax\u{79}1b2ctrue")
        );
        for odd in ["[]", "1", "{", r#"{"a":0.1}"#, r#"{"a":{"b":{"c":{"d":1}}}}"#] {
            assert_eq!(joined(odd), None, "{odd}");
        }
    }
}
