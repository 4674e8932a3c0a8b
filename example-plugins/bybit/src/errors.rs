//! What Bybit says when it says no.
//!
//! Comes in: a response. Goes out: its envelope, or the failure by what a caller must do.
//! Deliberately absent: retries.

use wickd_sdk::exchange::{Failure, Object, Operation, Rejection, Response};
use wickd_sdk::{OrderReason, TsNs};

const MS_NS: u64 = 1_000_000;
/// How long the venue shuts an address out that asks too often, in milliseconds.
const BAN_MS: u64 = 600_000;

/// The envelope of a success.
///
/// # Errors
/// The venue refused, or what it did is not known.
pub(crate) fn check<'a>(
    operation: &Operation,
    response: &'a Response,
    now: TsNs,
) -> Result<Object<'a>, Failure> {
    let shown = format!("status {}", response.status);
    match response.status {
        200..300 => {}
        // Not a matter of rights: the venue answers so to an address that asked too often.
        403 => return Err(Failure::Banned(response.retry_after_ms().max(BAN_MS))),
        429 => return Err(Failure::RateLimited(wait_ms(response, now))),
        500.. if operation.writes() => return Err(Failure::OutcomeUnknown(shown)),
        500.. => return Err(Failure::Unavailable(shown)),
        401 => return Err(Failure::Login(shown)),
        status => {
            let (code, reason) = (status.to_string(), OrderReason::VenueRule);
            return Err(Failure::Rejected(Rejection { code, message: shown, reason }));
        }
    }
    let envelope = Object::parse(&response.body)?;
    let code = envelope.text("retCode")?;
    match code.as_ref() {
        "0" => Ok(envelope),
        code => Err(failure(operation, code, &envelope.text_or_empty("retMsg"), response, now)),
    }
}

fn failure(
    operation: &Operation,
    code: &str,
    text: &str,
    response: &Response,
    now: TsNs,
) -> Failure {
    let shown = format!("{code} {text}");
    let no = |reason| {
        Failure::Rejected(Rejection { code: code.to_owned(), message: text.to_owned(), reason })
    };
    match code {
        "10000" | "10016" | "170007" | "170032" if operation.writes() => {
            Failure::OutcomeUnknown(shown)
        }
        "10000" | "10016" | "170007" | "170032" => Failure::Unavailable(shown),
        "10006" | "10018" => Failure::RateLimited(wait_ms(response, now)),
        "10009" => Failure::Banned(response.retry_after_ms().max(BAN_MS)),
        "10002" => Failure::Clock(shown),
        "10003" | "10004" | "10005" | "10007" | "10010" | "33004" => Failure::Login(shown),
        "110001" | "170213" => Failure::NotFound(shown),
        "110072" | "170141" => Failure::Duplicate(shown),
        "110004" | "110006" | "110007" | "110012" | "110052" | "170131" | "170033" => {
            no(OrderReason::InsufficientFunds)
        }
        "170218" => no(OrderReason::WouldTake),
        _ => no(OrderReason::VenueRule),
    }
}

/// How long to wait, in milliseconds: until the limit is reset, or `Retry-After`.
fn wait_ms(response: &Response, now: TsNs) -> u64 {
    let reset = response.header("X-Bapi-Limit-Reset-Timestamp");
    let reset_ms: u64 = reset.and_then(|text| text.parse().ok()).unwrap_or(0);
    reset_ms.saturating_sub(now / MS_NS).max(response.retry_after_ms())
}
