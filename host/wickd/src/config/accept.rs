//! `accept:`: whose bytes take a place.
//!
//! Comes in: `any`, `pinned`, a map with digests under `pinned`, or one with keys under `signed`. Goes
//! out: the rule. Where nothing is said a place takes anything while nothing is at stake, and is pinned
//! where orders leave for real, keys are used or the network is reached.

use wickd_policy::acceptance::{Accept, KEYS_MAX, LISTED_MAX, SigningKey};
use wickd_policy::yaml::{Fields, Node, NodeKind, Problem, Problems};

use super::set;

/// The rule of a place. `at_stake` says whether a stranger's bytes could do harm there.
pub(super) fn accept(
    of: &Fields<'_>,
    at_stake: bool,
    development: bool,
    problems: &mut Problems,
) -> Accept {
    let standard = if at_stake { Accept::Pinned } else { Accept::Any };
    let mut more = Problems::default();
    let said = set(of, "accept", standard, problems, |node| read(node, &mut more));
    more.into_sorted().into_iter().for_each(|problem| problems.add(problem));
    if development { Accept::Any } else { said }
}

fn read(node: &Node, problems: &mut Problems) -> Result<Accept, Problem> {
    let NodeKind::Map(_) = node.kind else {
        let pinned = node.one_of(&[("any", false), ("pinned", true)]).map_err(|problem| {
            let fix = format!("{}; or `pinned: [DIGEST]`, or `signed: [KEY]`", problem.fix);
            Problem { fix, ..problem }
        });
        return Ok(if pinned? { Accept::Pinned } else { Accept::Any });
    };
    let wrong = |reason: &str| {
        Problem::new(&node.place, reason, "write `pinned: [DIGEST]` or `signed: [KEY]`")
    };
    let Some(fields) = Fields::of(node, &["pinned", "signed"], problems) else {
        return Ok(Accept::Pinned);
    };
    match (fields.get("pinned"), fields.get("signed")) {
        (Some(digests), None) => {
            let digests = digests.list(LISTED_MAX)?.iter();
            let fix = "write the 64 hexadecimal digits that `wickd inspect` shows";
            Ok(Accept::Listed(digests.map(|node| node.parsed(fix)).collect::<Result<_, _>>()?))
        }
        (None, Some(keys)) => {
            let keys = keys.list(KEYS_MAX)?.iter().map(key).collect::<Result<Vec<_>, _>>()?;
            if keys.is_empty() { Err(wrong("no key at all")) } else { Ok(Accept::Signed(keys)) }
        }
        (Some(_), Some(_)) => Err(wrong("`pinned` and `signed` at once")),
        (None, None) => Err(wrong("neither `pinned` nor `signed`")),
    }
}

fn key(node: &Node) -> Result<SigningKey, Problem> {
    SigningKey::parse(node.text()?).ok_or_else(|| {
        let fix = "write the second line of the file `minisign.pub`, as `minisign -G` made it";
        Problem::new(&node.place, "this is no minisign public key", fix)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wickd_engine::Plan;

    use super::super::Config;
    use super::*;

    const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    /// A slot on paper, one for real, a venue and a utility with a grant; `slot` is said of the first.
    fn plan(head: &str, slot: &str) -> Result<Plan, String> {
        let text = format!(
            "{head}instruments:
  BTC-USDT: {{venue: binance, price_scale: 2, size_scale: 6}}
  ETH-USDT: {{price_scale: 2, size_scale: 6}}
credentials: keys.yaml
venues:
  binance: {{plugin: binance, trade: true, credentials: main, risk: {{loss_day_max: 5}}, network: ['https://a.example']}}
feeds: [{{name: poll, plugin: json-feed, instruments: [ETH-USDT]}}]
strategies:
  - {{name: paper, plugin: p, instruments: [ETH-USDT]{slot}}}
  - {{name: real, plugin: p, instruments: [BTC-USDT]}}
utilities:
  - {{name: pager, plugin: alert, network: ['https://a.example']}}
  - {{name: quiet, plugin: alert}}
"
        );
        let config = Config::parse(&text, Path::new("wickd.yaml"), None);
        config.map(|config| config.plan).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_place_is_pinned_where_money_keys_or_the_network_are_at_stake() {
        let at_stake = plan("", "").expect("it is right");
        let rules = |plan: &Plan| {
            let slots = plan.slots.iter().map(|of| of.accept.clone());
            let venues = plan.venues.iter().map(|of| of.accept.clone());
            let utilities = plan.utilities.iter().map(|of| of.post.accept.clone());
            slots.chain(venues).chain(utilities).collect::<Vec<_>>()
        };
        use Accept::{Any, Pinned};
        assert_eq!(rules(&at_stake), [Any, Pinned, Pinned, Pinned, Any]);
        let open = plan("development: true\n", ", accept: pinned").expect("it is right");
        assert_eq!(rules(&open), [Any, Any, Any, Any, Any]);
    }

    #[test]
    fn digests_and_keys_are_read_and_their_faults_are_told() {
        let rule = |text: &str| {
            plan("", &format!(", accept: {text}")).map(|plan| plan.slots[0].accept.clone())
        };
        assert_eq!(rule("pinned"), Ok(Accept::Pinned));
        let listed = Accept::Listed([DIGEST.parse().expect("a digest")].into());
        assert_eq!(rule(&format!("{{pinned: [{DIGEST}]}}")), Ok(listed));
        let signed = Accept::Signed(vec![SigningKey::parse(KEY).expect("a key")]);
        assert_eq!(rule(&format!("{{signed: [{KEY}]}}")), Ok(signed));
        for wrong in [
            "trusted",
            "{pinned: [abc]}",
            "{signed: []}",
            "{signed: [abc]}",
            "{}",
            "{pinned: [], signed: []}",
            "{owner: me}",
        ] {
            let told = rule(wrong).expect_err("it was taken");
            assert!(told.contains("accept") || told.contains("owner"), "{wrong}: {told}");
        }
    }
}
