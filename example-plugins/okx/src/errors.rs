//! What OKX says when it says no.
//!
//! Comes in: a response. Goes out: its rows, or the failure by what a caller must do. A status of
//! 200 says nothing here: the envelope has a code, and every row of a write has one of its own.
//! Deliberately absent: retries.

use wickd_sdk::OrderReason;
use wickd_sdk::exchange::{Failure, Json, Object, Operation, Rejection, Response};

/// The rows of a success.
///
/// # Errors
/// The venue refused, or what it did is not known.
pub(crate) fn check<'a>(
    operation: &Operation,
    response: &'a Response,
) -> Result<Vec<Json<'a>>, Failure> {
    let envelope = match Object::parse(&response.body) {
        Ok(envelope) => envelope,
        Err(why) => {
            let bare = by_status(operation, response, &format!("status {}", response.status));
            return Err(bare.unwrap_or_else(|| why.into()));
        }
    };
    let code = envelope.text("code")?;
    let data = envelope.get("data");
    let rows = data.map(|data| data.list()).transpose()?.unwrap_or_default();
    // The row knows better than the envelope, whose code is then 1 or 2.
    let own = rows.first().filter(|_| operation.writes()).map(|row| row.object()).transpose()?;
    let item = own.as_ref().map(|row| (row.text_or_empty("sCode"), row.text_or_empty("sMsg")));
    let item = item.filter(|(code, _)| !matches!(code.as_ref(), "" | "0"));
    let (code, text) = item.unwrap_or_else(|| (code, envelope.text_or_empty("msg")));
    let shown = format!("{code} {text}");
    match code.as_ref() {
        "0" => match by_status(operation, response, &shown) {
            Some(failure) => Err(failure),
            None => Ok(rows),
        },
        code => Err(failure(operation, code, &text, shown, response)),
    }
}

/// What the status alone says; none where it is a success.
fn by_status(operation: &Operation, response: &Response, shown: &str) -> Option<Failure> {
    let wait_ms = response.retry_after_ms();
    Some(match response.status {
        200..300 => return None,
        403 | 429 => Failure::RateLimited(wait_ms),
        418 => Failure::Banned(wait_ms),
        500.. if operation.writes() => Failure::OutcomeUnknown(shown.to_owned()),
        500.. => Failure::Unavailable(shown.to_owned()),
        status => Failure::Rejected(Rejection {
            code: status.to_string(),
            message: shown.to_owned(),
            reason: OrderReason::VenueRule,
        }),
    })
}

fn failure(
    operation: &Operation,
    code: &str,
    text: &str,
    shown: String,
    response: &Response,
) -> Failure {
    let no = |reason| {
        Failure::Rejected(Rejection { code: code.to_owned(), message: text.to_owned(), reason })
    };
    match code {
        "50011" | "50061" => Failure::RateLimited(response.retry_after_ms()),
        // "Does not mean that the request was successful or failed", and others that promise nothing.
        "50001" | "50004" | "50013" | "50026" if operation.writes() => {
            Failure::OutcomeUnknown(shown)
        }
        "50001" | "50004" | "50013" | "50026" => Failure::Unavailable(shown),
        "50102" | "50112" => Failure::Clock(shown),
        "50100" | "50101" | "50103" | "50104" | "50105" | "50106" | "50107" | "50110" | "50111"
        | "50113" | "50114" | "50119" | "50120" => Failure::Login(shown),
        "51400" | "51503" | "51603" => Failure::NotFound(shown),
        "51016" => Failure::Duplicate(shown),
        "51008" | "51119" | "51127" | "51131" => no(OrderReason::InsufficientFunds),
        _ => match by_status(operation, response, &shown) {
            Some(failure) if !matches!(failure, Failure::Rejected(_)) => failure,
            _ => no(OrderReason::VenueRule),
        },
    }
}
