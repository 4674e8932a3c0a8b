//! What an adapter does with sockets: plans, openings, keep-alive, and gaps.
//!
//! Comes in: an instance, recorded frames. Goes out: checks. Deliberately absent: sockets.

use wickd_policy::venue::VenueManifest;
use wickd_sandbox::exchange::Said;
use wickd_sandbox::exchange::nouns::{Description, Market, Socket};

use super::bench::{Bench, Faulty, Live, word_of};
use super::fixtures::{Case, Edit, Turn};
use super::probes::channels;
use super::report::Check;

/// Holds the plan of every declared channel against the manifest, and opens each socket twice.
pub(super) fn plan(
    live: &mut Live<'_>,
    markets: &[Market],
    described: &Description,
    manifest: &VenueManifest,
    check: &mut Check,
) -> Faulty<()> {
    let mut wanted = Vec::new();
    for channel in channels(markets, described) {
        // A kind may be declared for one product and not be there for another.
        if live.plan(&[channel])?.is_ok() {
            wanted.push(channel);
        }
    }
    check.tried();
    let sockets = match live.plan(&wanted)? {
        Ok(sockets) => sockets,
        Err(failure) => {
            let fix = "plan together what it plans one by one";
            check.wrong("all channels together", format!("no plan: {failure:?}"), fix);
            return Ok(());
        }
    };
    for channel in &wanted {
        let times = sockets.iter().filter(|socket| socket.channels.contains(&channel.id)).count();
        let place = format!("{} of market {}", word_of(channel.kind), channel.instrument);
        let reason = format!("it is carried by {times} sockets");
        check.hold(times == 1, &place, &reason, "put every channel on one socket");
    }
    for (number, socket) in (0..).zip(&sockets) {
        named(number, socket, manifest, check);
        opened(live, number, socket, check)?;
    }
    Ok(())
}

/// No socket at all: its adapter asks for what it wants at every ping.
fn is_polled(socket: &Socket) -> bool {
    socket.endpoint.is_empty()
}

fn named(number: u32, socket: &Socket, manifest: &VenueManifest, check: &mut Check) {
    let place = format!("socket {number} to `{}`", socket.endpoint);
    if is_polled(socket) {
        let fix = "plan `ping-ms`: a socket without an address only asks from time to time";
        check.hold(socket.ping_ms > 0, &place, "it has no address and is never asked", fix);
        return;
    }
    let endpoint = manifest.endpoint(&socket.endpoint);
    let is_socket = endpoint.is_some_and(|endpoint| endpoint.origin.scheme.is_socket());
    let fix = "declare it under `endpoints:` with `wss://`";
    check.hold(is_socket, &place, "it is no declared socket endpoint", fix);
    if !socket.login.is_empty() {
        let recipe = manifest.recipe(&socket.login);
        let fits = recipe.is_some_and(|recipe| {
            recipe.frame.is_some() && recipe.endpoints.contains(&socket.endpoint)
        });
        let reason = format!("`{}` does not log in there", socket.login);
        check.hold(fits, &place, &reason, "declare a recipe with `frame` for this endpoint");
    }
    let needs_token = socket.path.contains("{session}");
    let reason = "`{session}` and `session` do not go together";
    check.hold(needs_token == socket.session.is_some(), &place, reason, "set both or none");
    if socket.ping_ms > 0 && socket.idle_ms > 0 {
        let reason =
            format!("it pings every {} ms and dies after {}", socket.ping_ms, socket.idle_ms);
        let fix = "ping more often than it may be silent";
        check.hold(socket.ping_ms < socket.idle_ms, &place, &reason, fix);
    }
}

/// An opening asks for the same again, once each; a ping says something.
fn opened(live: &mut Live<'_>, number: u32, socket: &Socket, check: &mut Check) -> Faulty<()> {
    let place = format!("socket {number} to `{}`", socket.endpoint);
    let mut sent = || -> Faulty<Vec<String>> {
        live.said();
        live.open(number)?;
        Ok(sends(&live.said(), number))
    };
    let (first, second) = (sent()?, sent()?);
    let reason = format!("first it sent {first:?}, opened again {second:?}");
    let fix = "subscribe everything in `on-open`, and forget what an earlier opening asked";
    check.hold(first == second, &place, &reason, fix);
    if socket.ping_ms > 0 {
        live.idle(number)?;
        let said = live.said();
        let asks = said.iter().any(|said| matches!(said, Said::Fetch(_)));
        let pinged = !sends(&said, number).is_empty() || (is_polled(socket) && asks);
        let fix = "send the venue's ping in `on-idle`, or plan `ping-ms: 0`";
        check.hold(pinged, &place, "its ping says nothing", fix);
    }
    Ok(())
}

/// What was sent, numbers of requests left out.
fn sends(said: &[Said], number: u32) -> Vec<String> {
    let text = |said: &Said| match said {
        Said::Send { socket, text } if *socket == number => {
            Some(text.chars().filter(|c| !c.is_ascii_digit()).collect())
        }
        _ => None,
    };
    let mut sent: Vec<String> = said.iter().filter_map(text).collect();
    sent.sort();
    sent
}

/// In every recorded row of book changes a lost one is noticed, and one that comes twice changes
/// nothing or is noticed.
pub(super) fn gaps(
    bench: &Bench<'_>,
    cases: &[Case],
    check: &mut Check,
    mut each: impl FnMut(),
) -> Faulty<()> {
    for case in cases {
        each();
        let Ok(turns) = case.run(bench, None)? else { continue };
        for at in 0..turns.len() {
            let (Some(bytes), Some(changed)) = (case.steps[at].bytes(), changes(&turns[at])) else {
                continue;
            };
            let mut later = turns[at + 1..].iter();
            // Only where changes of the same book go on right after it can its loss be seen.
            let next = later.position(|turn| changes(turn) == Some(changed));
            let Some(next) = next.map(|next| at + 1 + next) else { continue };
            if turns[at + 1..next].iter().any(notices) {
                continue;
            }
            let place = format!("{}, `{}`", case.place, case.steps[at].what);
            let lost = Edit { at, bytes: &[] };
            if let Ok(other) = case.run(bench, Some(&lost))? {
                let noticed = other[at..=next].iter().any(notices);
                let silent = other[next].said.is_empty();
                let fix = "hold sequence numbers against each other; say `gap` or `reconnect`";
                check.hold(noticed || silent, &place, "it is lost, and nobody notices", fix);
            }
            let twice = Edit { at, bytes: &[bytes.clone(), bytes] };
            if let Ok(other) = case.run(bench, Some(&twice))? {
                let same = other[at].said == turns[at].said;
                let fix = "drop what is older than the book, or say `gap`";
                let holds = same || other[at].said.iter().any(notice);
                check.hold(holds, &place, "it comes twice and counts twice", fix);
            }
        }
    }
    Ok(())
}

/// The instrument whose book this step changed without a snapshot.
fn changes(turn: &Turn) -> Option<u32> {
    turn.said.iter().find_map(|said| match said {
        Said::Levels { instrument, snapshot: false, .. } => Some(*instrument),
        _ => None,
    })
}

fn notice(said: &Said) -> bool {
    let is_notice = matches!(said, Said::Gap { .. } | Said::Reconnect { .. } | Said::Fetch(_));
    is_notice || matches!(said, Said::Levels { snapshot: true, .. })
}

fn notices(turn: &Turn) -> bool {
    turn.said.iter().any(notice)
}
