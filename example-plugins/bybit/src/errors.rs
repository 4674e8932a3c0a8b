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
        401 => return Err(Failure::Login(shown)),
        _ if operation.writes() => return Err(Failure::OutcomeUnknown(shown)),
        500.. => return Err(Failure::Unavailable(shown)),
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

/// Whether a code says for certain that an order was not placed, changed or taken back: from the lists
/// "UTA & Classic Account", "Derivatives" and "Spot Trade" of the venue's error codes. Time-outs (170007,
/// 170146, 170147) and errors of the system (170001, 170234) are none of them.
fn is_definite(code: &str) -> bool {
    let Ok(code) = code.parse::<u32>() else { return false };
    matches!(
        code,
        10001 | 10008 | 10017 | 10024 | 10027..=10029
            | 110002..=110007
            | 110009 | 110011..=110056
            | 110059..=110071
            | 110073..=110078
            | 110080..=110104
            | 170010 | 170011 | 170019 | 170031 | 170033..=170037
            | 170041 | 170044 | 170056..=170060
            | 170101..=170141
            | 170144 | 170145 | 170148 | 170151 | 170157 | 170159
            | 170190..=170207
            | 170210 | 170215..=170221
            | 170223 | 170224 | 170226..=170229 | 170241
            | 170310..=170313
            | 170331 | 170333 | 170341..=170348
            | 170355 | 170358..=170360
            | 170371 | 170372
            | 170709 | 170810
            | 175000..=175020
    )
}

fn failure(
    operation: &Operation,
    code: &str,
    text: &str,
    response: &Response,
    now: TsNs,
) -> Failure {
    let shown = match code.is_empty() {
        true => "a reply without its code".to_owned(),
        false => format!("{code} {text}"),
    };
    let no = |reason| {
        Failure::Rejected(Rejection { code: code.to_owned(), message: text.to_owned(), reason })
    };
    match code {
        "10000" | "10016" | "170007" | "170032" if !operation.writes() => {
            Failure::Unavailable(shown)
        }
        "10006" | "10018" | "10429" | "170005" | "170222" => {
            Failure::RateLimited(wait_ms(response, now))
        }
        "10009" => Failure::Banned(response.retry_after_ms().max(BAN_MS)),
        "10002" => Failure::Clock(shown),
        "10003" | "10004" | "10005" | "10007" | "10010" | "33004" => Failure::Login(shown),
        // Gone, or done: filled or cancelled (110008, 170139), cancelled (110010, 170142).
        "110001" | "110008" | "110010" | "170139" | "170142" | "170143" | "170213" => {
            Failure::NotFound(shown)
        }
        "110072" | "170141" => Failure::Duplicate(shown),
        "110004" | "110006" | "110007" | "110012" | "110052" | "170131" | "170033" => {
            no(OrderReason::InsufficientFunds)
        }
        "170218" => no(OrderReason::WouldTake),
        code if is_definite(code) || !operation.writes() => no(OrderReason::VenueRule),
        _ => Failure::OutcomeUnknown(shown),
    }
}

/// How long to wait, in milliseconds: until the limit is reset, or `Retry-After`.
fn wait_ms(response: &Response, now: TsNs) -> u64 {
    let reset = response.header("X-Bapi-Limit-Reset-Timestamp");
    let reset_ms: u64 = reset.and_then(|text| text.parse().ok()).unwrap_or(0);
    reset_ms.saturating_sub(now / MS_NS).max(response.retry_after_ms())
}
