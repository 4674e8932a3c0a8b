//! What Binance says when it says no.
//!
//! Comes in: a status, headers and `{"code":…,"msg":…}`. Goes out: the failure, by what a caller
//! must do. Deliberately absent: retries; they are the host's.

use wickd_sdk::exchange::{Failure, Object, Operation, Rejection, Response};
use wickd_sdk::{OrderReason, TsNs};

/// Passes a success on.
///
/// # Errors
/// The venue refused, or what it did is not known.
pub(crate) fn check(operation: &Operation, response: &Response, now: TsNs) -> Result<(), Failure> {
    let said = Object::parse(&response.body).ok();
    let code = said.as_ref().and_then(|said| said.get("code")?.text().ok()?.parse::<i64>().ok());
    // Some successes carry `"code":200`; errors are negative.
    if response.is_success() && code.is_none_or(|code| code >= 0) {
        return Ok(());
    }
    let text = said.as_ref().map(|said| said.text_or_empty("msg")).unwrap_or_default();
    let shown = match code {
        Some(code) => format!("{code} {text}"),
        None => format!("status {}", response.status),
    };
    let failure = match response.status {
        418 => Failure::Banned(wait_ms(response, &text, now)),
        // The firewall's 403 has no code; it did not let the request through.
        429 | 403 => Failure::RateLimited(wait_ms(response, &text, now)),
        500.. => server_side(operation, code, &text, shown),
        _ => match code {
            Some(code) => refused(operation, code, &text, shown, response, now),
            None => unlisted(operation, response.status.to_string(), shown),
        },
    };
    Err(failure)
}

/// A status of 500 and above. Only two of them promise that nothing was done.
fn server_side(operation: &Operation, code: Option<i64>, text: &str, shown: String) -> Failure {
    let refused_early = code == Some(-1008) || text == "Service Unavailable.";
    if refused_early || !operation.writes() {
        return Failure::Unavailable(shown);
    }
    Failure::OutcomeUnknown(shown)
}

/// What nobody has taught this adapter: of a write it may have been done.
fn unlisted(operation: &Operation, code: String, shown: String) -> Failure {
    if operation.writes() {
        return Failure::OutcomeUnknown(shown);
    }
    Failure::Rejected(Rejection { code, message: shown, reason: OrderReason::VenueRule })
}

/// Whether a code says for certain that an order was not placed, changed or taken back: requests that
/// were malformed (-11xx), and orders held against the venue's rules. From the lists "Error codes" of
/// both interfaces.
fn is_definite(code: i64) -> bool {
    matches!(
        code,
        -1010 | -1013 | -1014 | -1020
            | -1106..=-1100
            | -1109 | -1110
            | -1121..=-1111
            | -1128..=-1127
            | -1130 | -1131 | -1134 | -1135 | -1136 | -1145 | -1151
            | -1165..=-1158
            | -1194..=-1186
            | -2010 | -2011 | -2016 | -2018
            | -2028..=-2019
            | -4061..=-4000
            | -4118..=-4082
            | -4144..=-4131
            | -4165..=-4161
            | -4184..=-4183
            | -4198 | -4202 | -4203
            | -4403..=-4400
            | -5041..=-5021
    )
}

fn refused(
    operation: &Operation,
    code: i64,
    text: &str,
    shown: String,
    response: &Response,
    now: TsNs,
) -> Failure {
    let no = |reason| {
        Failure::Rejected(Rejection { code: code.to_string(), message: text.to_owned(), reason })
    };
    // Taking an order back twice does no harm, so a venue that is busy is asked again.
    let is_cancel = matches!(operation, Operation::Cancel(_));
    match code {
        -1000 | -1001 | -1006 | -1007 if operation.writes() => Failure::OutcomeUnknown(shown),
        -1004 | -1016 if operation.writes() && !is_cancel => Failure::OutcomeUnknown(shown),
        -1000 | -1001 | -1004 | -1006 | -1007 | -1008 | -1016 => Failure::Unavailable(shown),
        -1003 if text.contains("banned until") => Failure::Banned(wait_ms(response, text, now)),
        -1003 | -1015 => Failure::RateLimited(wait_ms(response, text, now)),
        -1021 => Failure::Clock(shown),
        -1002 | -1022 | -2014 | -2015 => Failure::Login(shown),
        -2013 => Failure::NotFound(shown),
        -2011 if text.starts_with("Unknown order") => Failure::NotFound(shown),
        -4116 => Failure::Duplicate(shown),
        -2010 if text.starts_with("Duplicate") => Failure::Duplicate(shown),
        -2010 if text.contains("insufficient balance") => no(OrderReason::InsufficientFunds),
        -2018 | -2019 => no(OrderReason::InsufficientFunds),
        -2010 if text.contains("immediately match") => no(OrderReason::WouldTake),
        -5022 => no(OrderReason::WouldTake),
        -5021 => no(OrderReason::Unfilled),
        code if is_definite(code) => no(OrderReason::VenueRule),
        code => unlisted(operation, code.to_string(), shown),
    }
}

/// How long to wait, in milliseconds: `Retry-After`, or the end of a ban as its text tells it.
fn wait_ms(response: &Response, text: &str, now: TsNs) -> u64 {
    let until = text.split("banned until ").nth(1);
    let until = until.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let until_ms: u64 = until.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    response.retry_after_ms().max(until_ms.saturating_sub(now / 1_000_000))
}
