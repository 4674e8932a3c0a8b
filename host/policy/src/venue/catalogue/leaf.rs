//! What may stand in one place of a signed message: a word, a part of the login, or a part of an order.
//!
//! Comes in: a text such as `GTC|IOC`, `<signature>` or `<side:BUY|SELL>`. Goes out: a [`Leaf`] that a
//! value can be held against. Deliberately absent: where such places are; that is the catalogue's.

use super::amount;
use super::write::Write;
use crate::yaml::{Node, Problem, quoted};
use wickd_model::Side;

/// Longest text of a leaf, in bytes.
const LEAF_BYTES_MAX: usize = 256;
/// Longest opaque identifier, in bytes: a number of a message, an account.
const ID_BYTES_MAX: usize = 40;
/// How far a time in a message may be from the venue's, in milliseconds: logins carry an expiry.
const TIME_MS_MAX: u64 = 120_000;

/// What may stand in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// One of these texts.
    Words(Vec<String>),
    /// A credential field of that name.
    Credential(String),
    /// The signature just made.
    Signature,
    /// A credential under the same MAC.
    Sealed,
    /// About now, in any of the usual forms.
    Time,
    /// How long the request stays good.
    Window,
    /// The rising number of this key.
    Nonce,
    /// The last part of the path, below the catalogue's `name_below`.
    Name,
    /// `AUTH` and the nonce.
    AuthNonce,
    /// Any short identifier that says nothing about an order.
    Id,
    /// The market, as the venue writes it.
    Symbol,
    /// One word for each side.
    Side(String, String),
    /// The order's price.
    Price,
    /// The order's size in base units.
    Size,
    /// The same, negative for a sell.
    SignedSize,
    /// The order's size in the venue's contracts.
    Contracts,
    /// The same, negative for a sell.
    SignedContracts,
    /// The host's id of the order.
    ClientId,
    /// The host's id, or the venue's.
    OrderId,
}

const NAMES: [(&str, Leaf); 16] = [
    ("signature", Leaf::Signature),
    ("sealed", Leaf::Sealed),
    ("time", Leaf::Time),
    ("window", Leaf::Window),
    ("nonce", Leaf::Nonce),
    ("name", Leaf::Name),
    ("auth-nonce", Leaf::AuthNonce),
    ("id", Leaf::Id),
    ("symbol", Leaf::Symbol),
    ("price", Leaf::Price),
    ("size", Leaf::Size),
    ("signed-size", Leaf::SignedSize),
    ("contracts", Leaf::Contracts),
    ("signed-contracts", Leaf::SignedContracts),
    ("client-id", Leaf::ClientId),
    ("order-id", Leaf::OrderId),
];

/// What is true of the message a value stands in.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    /// Whether a text is the credential field of that name.
    pub is_credential: &'k dyn Fn(&str, &str) -> bool,
    /// The signature just made.
    pub signature: &'k str,
    /// Whether a text is a credential under the same MAC.
    pub is_sealed: &'k dyn Fn(&str) -> bool,
    /// The venue's time, in Unix milliseconds.
    pub now_ms: u64,
    /// How long the request stays good, in milliseconds.
    pub window_ms: u32,
    /// The rising number of this key.
    pub nonce: u64,
    /// The path's last part, as JSON-RPC venues repeat it in the body.
    pub name: &'k str,
    /// The order, and its market's names and contract as the venue has them.
    pub order: Option<Order<'k>>,
}

/// An order as one venue writes its market.
#[derive(Clone, Copy)]
pub struct Order<'k> {
    /// The order.
    pub write: &'k Write,
    /// Every way the venue writes the market.
    pub symbols: &'k [String],
    /// Base units of one contract, where the venue has told it.
    pub contract: Option<amount::Amount>,
}

impl Leaf {
    pub(super) fn read(node: &Node) -> Result<Self, Problem> {
        let text = node.text()?;
        let fault = |reason: String| {
            let fix = "write words like `GTC|IOC`, or a place like `<size>` or `<side:BUY|SELL>`";
            Problem::new(&node.place, reason, fix)
        };
        if text.len() > LEAF_BYTES_MAX {
            return Err(fault("a text too long for a place".to_owned()));
        }
        let Some(name) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
            return Ok(Self::Words(text.split('|').map(str::to_owned).collect()));
        };
        if let Some(words) = name.strip_prefix("side:") {
            let (buy, sell) =
                words.split_once('|').ok_or_else(|| fault("one word for two sides".to_owned()))?;
            return Ok(Self::Side(buy.to_owned(), sell.to_owned()));
        }
        if let Some((_, leaf)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(leaf.clone());
        }
        match super::super::is_name(name) {
            true => Ok(Self::Credential(name.to_owned())),
            false => Err(fault(format!("`{}` names no place", quoted(text)))),
        }
    }

    /// Whether the place is a part of an order.
    pub(super) fn is_of_order(&self) -> bool {
        !matches!(
            self,
            Self::Words(_)
                | Self::Credential(_)
                | Self::Signature
                | Self::Sealed
                | Self::Time
                | Self::Window
                | Self::Nonce
                | Self::Name
                | Self::AuthNonce
                | Self::Id
        )
    }

    /// Whether `text` may stand there.
    pub(super) fn admits(&self, text: &str, known: &Known<'_>) -> bool {
        match self {
            Self::Words(words) => words.iter().any(|word| word == text),
            Self::Credential(field) => (known.is_credential)(field, text),
            Self::Signature => !text.is_empty() && text == known.signature,
            Self::Sealed => (known.is_sealed)(text),
            Self::Time => is_about(text, known.now_ms),
            Self::Window => text == known.window_ms.to_string(),
            Self::Nonce => text == known.nonce.to_string(),
            Self::Name => text == known.name,
            Self::AuthNonce => text == format!("AUTH{}", known.nonce),
            Self::Id => is_id(text),
            _ => known.order.is_some_and(|order| self.admits_of(text, &order)),
        }
    }

    fn admits_of(&self, text: &str, order: &Order<'_>) -> bool {
        let write = order.write;
        let sign = if write.side == Side::Sell { -1 } else { 1 };
        let is_contracts = |sign| {
            let contract = order.contract.as_ref();
            contract.is_some_and(|one| {
                amount::is_contracts(text, one, sign * write.size, write.size_scale)
            })
        };
        match self {
            Self::Symbol => order.symbols.iter().any(|symbol| symbol == text),
            Self::Side(buy, sell) => {
                let word = if write.side == Side::Buy { buy } else { sell };
                !word.is_empty() && word == text
            }
            Self::Price => amount::is(text, write.price, write.price_scale),
            Self::Size => amount::is(text, write.size, write.size_scale),
            Self::SignedSize => amount::is(text, sign * write.size, write.size_scale),
            Self::Contracts => is_contracts(1),
            Self::SignedContracts => is_contracts(sign),
            Self::ClientId => !text.is_empty() && text == write.client_id,
            Self::OrderId => {
                !text.is_empty() && (text == write.client_id || text == write.venue_id)
            }
            _ => false,
        }
    }

    /// What should stand there, for people; never a credential.
    pub(super) fn wanted(&self, order: Option<&Order<'_>>) -> String {
        let part = |text: Option<String>, else_: &str| text.unwrap_or_else(|| else_.to_owned());
        let of = |print: &dyn Fn(&Order<'_>) -> String| order.map(print);
        match self {
            Self::Words(words) => format!("`{}`", words.join("` or `")),
            Self::Credential(field) => format!("the credential `{field}`"),
            Self::Signature => "the signature".to_owned(),
            Self::Sealed => "the passphrase under its MAC".to_owned(),
            Self::Time => "the present time".to_owned(),
            Self::Window => "the request's window".to_owned(),
            Self::Nonce | Self::AuthNonce => "the nonce".to_owned(),
            Self::Name => "the name of the path".to_owned(),
            Self::Id => "a short identifier".to_owned(),
            Self::Symbol => part(of(&|o| format!("`{}`", o.symbols.join("` or `"))), "the market"),
            Self::Side(buy, sell) => part(
                of(&|o| format!("`{}`", if o.write.side == Side::Buy { buy } else { sell })),
                "the side",
            ),
            Self::Price => part(
                of(&|o| wickd_model::print_scaled(o.write.price, o.write.price_scale)),
                "the price",
            ),
            Self::Size | Self::SignedSize => part(
                of(&|o| wickd_model::print_scaled(o.write.size, o.write.size_scale)),
                "the size",
            ),
            Self::Contracts | Self::SignedContracts => match order {
                Some(o) if o.contract.is_none() => {
                    "the size in contracts, and the venue has not told its contracts yet".to_owned()
                }
                Some(o) => format!(
                    "{} in contracts",
                    wickd_model::print_scaled(o.write.size, o.write.size_scale)
                ),
                None => "the size in contracts".to_owned(),
            },
            Self::ClientId => part(of(&|o| format!("`{}`", o.write.client_id)), "the client id"),
            Self::OrderId => part(of(&|o| format!("`{}`", o.write.client_id)), "the order's id"),
        }
    }
}

fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// Seconds, milliseconds, or a date of ISO 8601, which no venue reads as anything else.
fn is_about(text: &str, now_ms: u64) -> bool {
    if let Ok(number) = text.parse::<u64>() {
        let near = |ms: u64| ms.abs_diff(now_ms) <= TIME_MS_MAX;
        return near(number) || number.checked_mul(1_000).is_some_and(near);
    }
    let dated = |byte: u8| byte.is_ascii_digit() || b"-T:.Z".contains(&byte);
    (19..=24).contains(&text.len()) && text.as_bytes()[10] == b'T' && text.bytes().all(dated)
}
