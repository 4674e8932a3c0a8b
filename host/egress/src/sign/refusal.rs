//! Why nothing is signed.

use wickd_model::SlotName;
use wickd_policy::net::TargetError;

use crate::request::RequestError;

/// Why nothing is signed. Holds no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing of that name in the manifest.
    #[error("the manifest has no {what} `{name}`; add it, or name another")]
    Unknown {
        /// Recipe or endpoint.
        what: &'static str,
        /// As asked for.
        name: String,
    },
    /// The recipe is for other endpoints.
    #[error("recipe `{recipe}` is not bound to endpoint `{endpoint}`; sign with one that is")]
    Endpoint {
        /// The recipe.
        recipe: String,
        /// As asked for.
        endpoint: String,
    },
    /// The operator's credentials are for other hosts.
    #[error(
        "credentials `{slot}` are not for {origin}; add it to their `hosts` if it is the venue"
    )]
    Host {
        /// The slot.
        slot: SlotName,
        /// Where they would have gone.
        origin: String,
    },
    /// Keys do not travel in the clear.
    #[error("{0} is not encrypted; use https or wss")]
    Clear(String),
    /// Money would leave, or keys would change.
    #[error("`{place}` names `{word}`; nothing that moves money out or changes keys is ever sent")]
    MoneyOut {
        /// Path or field, as asked for.
        place: String,
        /// What was found.
        word: &'static str,
    },
    /// The recipe does not list it.
    #[error("recipe `{recipe}` lists no `{method} {path}`; add it under `read` or `trade`")]
    Path {
        /// The recipe.
        recipe: String,
        /// As asked for.
        method: String,
        /// As asked for.
        path: String,
    },
    /// Neither the host nor the operator vouches for it, whatever the manifest says.
    #[error(
        "no catalogue lists `{method} {path}` at {origin}; if the venue has it, add `signing: {{read: ['{method} {path}']}}` to the venue, or name its `catalogue:`"
    )]
    Unlisted {
        /// As asked for.
        method: String,
        /// The whole path.
        path: String,
        /// Where.
        origin: String,
    },
    /// The operator allows reading only.
    #[error("credentials `{0}` allow `read` and this trades; set `allow: trade` if you mean it")]
    Class(SlotName),
    /// The signer was made without trade.
    #[error(
        "the venue has `trade: false`, so nothing that trades is signed; set `trade: true` if you mean it"
    )]
    Withheld,
    /// It was asked a question and wrote an order.
    #[error(
        "it was asked a question, and `{method} {path}` trades; replace the adapter, it may not be what it says"
    )]
    Question {
        /// As asked for.
        method: String,
        /// The whole path.
        path: String,
    },
    /// The request says something else than the order.
    #[error("the request is not the order: {0}; replace the adapter, it may not be what it says")]
    Contradicts(String),
    /// What signs the request stands elsewhere than the venue has it.
    #[error("{0}; sign as the venue documents it, or add the place to `signing:` of the venue")]
    Surroundings(String),
    /// A secret would be sent as a text.
    #[error(
        "recipe `{recipe}` puts the secret `{field}` into its {place}; a secret keys the signature or stands in the header that the venue has for it"
    )]
    Secret {
        /// The recipe.
        recipe: String,
        /// The credential field's name.
        field: String,
        /// Where it would have stood.
        place: &'static str,
    },
    /// The signature would be keyed with something that everybody may see.
    #[error(
        "recipe `{recipe}` keys its signature with `{field}`, which is no secret of the credentials; name the secret field"
    )]
    OpenKey {
        /// The recipe.
        recipe: String,
        /// The credential field's name.
        field: String,
    },
    /// The frame is no login that the venue documents.
    #[error(
        "the frame of recipe `{0}` is no login of this venue and nothing else; write it as the venue documents it, or add it to `logins` under `signing:`"
    )]
    Login(String),
    /// The slot lacks a field.
    #[error("credentials `{slot}` have no `{field}`; add it to their `fields`")]
    Field {
        /// The slot.
        slot: SlotName,
        /// As the manifest calls it.
        field: String,
    },
    /// A header by which somebody logs in; without the venue's signer it would be another's account.
    #[error("header {0} logs in, and that is the recipe's; remove it, or name a recipe")]
    Header(usize),
    /// A header beside a signature that the venue does not have for it.
    #[error("header `{0}` of a signed request is the recipe's; remove it")]
    OwnHeader(String),
    /// A query pair that the recipe adds by itself.
    #[error("query parameter {0} is the recipe's to add, or too many; remove it")]
    Pair(usize),
    /// What stands inside JSON is not JSON, or not of the form that can be signed.
    #[error(
        "the body is not JSON that this recipe can sign; write an object of texts and integers"
    )]
    Json,
    /// An argument of a login that is missing or odd.
    #[error("argument `{0}` is missing or odd; write 1 to 64 of letters, digits and `._-:@!`")]
    Argument(String),
    /// The recipe logs in where a request was asked for, or the other way round.
    #[error("recipe `{0}` is for the other of requests and logins")]
    Kind(String),
    /// The path or query is not plain.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The request cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl Refusal {
    /// The adapter tried what an honest one never does: nothing it says is to be believed. A word that
    /// leads money out is none of these, because a venue's own cursor may spell one by chance.
    pub fn is_breach(&self) -> bool {
        matches!(
            self,
            Self::Question { .. }
                | Self::Contradicts(_)
                | Self::Secret { .. }
                | Self::OpenKey { .. }
        )
    }
}
