//! What a request or a message takes out of which of a venue's limits, and whose count that is.

use wickd_egress::limit::Cost;
use wickd_policy::venue::{Bucket, Scope, VenueManifest};
use wickd_sandbox::exchange::nouns;

/// What the adapter says, and never less than one out of each bucket that counts this machine's address at
/// this endpoint. `scopes`: the account, and the instrument of the account.
pub(super) fn costs<'m>(
    venue: &'m VenueManifest,
    request: &nouns::Request,
    (account, instrument): (&'m str, &'m str),
) -> Result<Vec<Cost<'m>>, String> {
    let mut costs: Vec<Cost<'m>> = Vec::new();
    for cost in &request.costs {
        let found = venue.buckets.iter().find(|bucket| bucket.name == cost.bucket);
        let Some(bucket) = found else {
            let name = wickd_model::printable(cost.bucket.as_bytes(), 64);
            return Err(format!("the manifest has no bucket `{name}`; add it, or name another"));
        };
        let scope = match bucket.scope {
            Scope::Ip => "",
            Scope::Account => account,
            Scope::Instrument => instrument,
            Scope::Connection => {
                let name = &bucket.name;
                return Err(format!(
                    "bucket `{name}` counts the messages of a socket; name another for a request"
                ));
            }
        };
        costs.push(Cost { bucket, scope, weight: cost.weight.max(1) });
    }
    for bucket in &venue.buckets {
        let counts = bucket.scope == Scope::Ip && bucket.endpoints.contains(&request.endpoint);
        if counts && !costs.iter().any(|cost| cost.bucket.name == bucket.name) {
            costs.push(Cost { bucket, scope: "", weight: 1 });
        }
    }
    Ok(costs)
}

/// The limits that count the messages of each connection to an endpoint.
pub(super) fn messages<'m>(venue: &'m VenueManifest, endpoint: &str) -> Vec<&'m Bucket> {
    let counts = |bucket: &&Bucket| {
        let here = bucket.endpoints.is_empty() || bucket.endpoints.iter().any(|of| of == endpoint);
        bucket.scope == Scope::Connection && here
    };
    venue.buckets.iter().filter(counts).collect()
}

#[cfg(test)]
mod tests {
    use wickd_egress::limit::{Grant, Limiter};
    use wickd_policy::yaml::{Fields, Problems, parse};

    use super::*;

    fn venue() -> VenueManifest {
        let text = "endpoints: {rest: 'https://a.example', stream: 'wss://a.example'}
buckets:
  orders: {shape: rolling, capacity: 2, window_ms: 2000, scope: instrument, endpoints: [rest]}
  reads: {shape: rolling, capacity: 2, window_ms: 2000, scope: account, endpoints: [rest]}
  texts: {shape: rolling, capacity: 2, window_ms: 2000, scope: connection, endpoints: [stream]}
";
        let (node, mut problems) = (parse(text, 1 << 12).unwrap(), Problems::default());
        let fields = Fields::of(&node, &VenueManifest::KEYS, &mut problems).unwrap();
        let venue = VenueManifest::read(&fields, &mut problems);
        assert!(problems.is_empty());
        venue
    }

    fn request(bucket: &str) -> nouns::Request {
        nouns::Request {
            method: nouns::Method::Get,
            endpoint: "rest".to_owned(),
            path: "/".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: String::new(),
            recipe: String::new(),
            costs: vec![nouns::Cost { bucket: bucket.to_owned(), weight: 1 }],
        }
    }

    #[test]
    fn each_instrument_has_a_count_of_its_own_where_the_venue_counts_by_it() {
        let (venue, limiter) = (venue(), Limiter::new(0));
        let goes = |bucket: &str, scopes| {
            let costs = costs(&venue, &request(bucket), scopes).unwrap();
            limiter.reserve("v", &costs, 1_000_000_000, 0) == Grant::Now
        };
        let (btc, eth) = (("main", "main/0"), ("main", "main/1"));
        assert!(goes("orders", btc) && goes("orders", btc) && !goes("orders", btc));
        assert!(goes("orders", eth) && goes("orders", eth) && !goes("orders", eth));
        // An account counts them together.
        assert!(goes("reads", btc) && goes("reads", eth) && !goes("reads", eth));
    }

    #[test]
    fn each_connection_has_a_count_of_its_own_and_no_request_is_counted_on_it() {
        let (venue, limiter) = (venue(), Limiter::new(0));
        let limits = messages(&venue, "stream");
        assert_eq!(limits.len(), 1);
        assert!(messages(&venue, "rest").is_empty());
        let goes = |scope| {
            let costs = [Cost { bucket: limits[0], scope, weight: 1 }];
            limiter.reserve("v", &costs, 1_000_000_000, 0) == Grant::Now
        };
        assert!(goes("0/1") && goes("0/1") && !goes("0/1"));
        assert!(goes("0/2"), "another opening");
        let refused = costs(&venue, &request("texts"), ("main", "main/0")).unwrap_err();
        assert!(refused.contains("counts the messages of a socket"), "{refused}");
    }
}
