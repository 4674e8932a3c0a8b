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
    if operation.writes() {
        let rows = data.map(Json::list).transpose()?.unwrap_or_default();
        return written(operation, &code, &envelope, rows, response);
    }
    let shown = format!("{code} {}", envelope.text_or_empty("msg"));
    if code != "0" {
        return Err(failure(operation, &code, &envelope.text_or_empty("msg"), shown, response));
    }
    match by_status(operation, response, &shown) {
        Some(failure) => Err(failure),
        // A success without its rows says nothing: not that there are none.
        None => Ok(envelope.list("data")?),
    }
}

/// The outcome of a write. The row knows better than the envelope, whose code is then 1 or 2; where it
/// has no code that can be read, nobody knows what was done.
fn written<'a>(
    operation: &Operation,
    code: &str,
    envelope: &Object<'a>,
    rows: Vec<Json<'a>>,
    response: &Response,
) -> Result<Vec<Json<'a>>, Failure> {
    let own = rows.first().map(|row| row.object()).transpose()?;
    let item = own.as_ref().map(|row| (row.text_or_empty("sCode"), row.text_or_empty("sMsg")));
    match item {
        Some((item, _)) if item.is_empty() => {
            Err(Failure::OutcomeUnknown(format!("{code}: a row without its code")))
        }
        Some((item, text)) if item != "0" => {
            let shown = format!("{item} {text}");
            Err(failure(operation, &item, &text, shown, response))
        }
        item => {
            let text = envelope.text_or_empty("msg");
            let shown = if code.is_empty() {
                "a reply without its code".to_owned()
            } else {
                format!("{code} {text}")
            };
            match (code, item) {
                ("0", _) => by_status(operation, response, &shown).map_or(Ok(rows), Err),
                // The row says yes and the envelope does not.
                (_, Some(_)) => Err(Failure::OutcomeUnknown(shown)),
                (code, None) => Err(failure(operation, code, &text, shown, response)),
            }
        }
    }
}

/// What the status alone says; none where it is a success.
fn by_status(operation: &Operation, response: &Response, shown: &str) -> Option<Failure> {
    let wait_ms = response.retry_after_ms();
    Some(match response.status {
        200..300 => return None,
        403 | 429 => Failure::RateLimited(wait_ms),
        418 => Failure::Banned(wait_ms),
        _ if operation.writes() => Failure::OutcomeUnknown(shown.to_owned()),
        500.. => Failure::Unavailable(shown.to_owned()),
        status => Failure::Rejected(Rejection {
            code: status.to_string(),
            message: shown.to_owned(),
            reason: OrderReason::VenueRule,
        }),
    })
}

/// Whether a code says for certain that an order was not placed, changed or taken back: from the lists
/// "General" and "Trade" of the venue's error codes. Time-outs (51054, 51062, 51149) are none of them.
fn is_definite(code: &str) -> bool {
    let Ok(code) = code.parse::<u32>() else { return false };
    matches!(
        code,
        50000 | 50002
            | 50006..=50010
            | 50012 | 50014..=50016 | 50024
            | 50027..=50030
            | 50033 | 50044
            | 51000..=51012
            | 51014..=51037
            | 51040..=51044
            | 51046..=51050
            | 51058..=51061
            | 51063..=51066
            | 51068..=51074
            | 51076 | 51077
            | 51100..=51139
            | 51143 | 51147
            | 51150..=51160
            | 51163 | 51164 | 51166
            | 51168..=51170
            | 51174..=51182
            | 51404 | 51406..=51409
            | 51411..=51413
            | 51500..=51502
            | 51504..=51508
            | 51511..=51516
            | 51523..=51528
            | 54000..=54011
    )
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
        // Taking an order back twice does no harm, so a venue that is away is asked again.
        "50005" if matches!(operation, Operation::Cancel(_)) => Failure::Unavailable(shown),
        // "Does not mean that the request was successful or failed", and others that promise nothing.
        "50001" | "50004" | "50005" | "50013" | "50026" if operation.writes() => {
            Failure::OutcomeUnknown(shown)
        }
        "50001" | "50004" | "50005" | "50013" | "50026" => Failure::Unavailable(shown),
        "50102" | "50112" => Failure::Clock(shown),
        "50100" | "50101" | "50103" | "50104" | "50105" | "50106" | "50107" | "50110" | "50111"
        | "50113" | "50114" | "50119" | "50120" => Failure::Login(shown),
        // Gone, or done: cancelled (51401, 51509) or filled (51402, 51510).
        "51400" | "51401" | "51402" | "51405" | "51503" | "51509" | "51510" | "51603" => {
            Failure::NotFound(shown)
        }
        "51016" => Failure::Duplicate(shown),
        "51008" | "51119" | "51127" | "51131" => no(OrderReason::InsufficientFunds),
        code if is_definite(code) || !operation.writes() => {
            match by_status(operation, response, &shown) {
                Some(failure) if !operation.writes() && response.status >= 500 => failure,
                _ => no(OrderReason::VenueRule),
            }
        }
        // 51410 among them: it is being taken back.
        _ => match by_status(operation, response, &shown) {
            Some(failure) => failure,
            None => Failure::OutcomeUnknown(shown),
        },
    }
}
