//! Damaged bytes: whatever a venue, or somebody in between, may send.
//!
//! Comes in: recorded bytes, a seed. Goes out: a check that no call ever faults, and a hash of all
//! that was answered, which is the same each time. Deliberately absent: what damaged bytes should
//! mean; only that the house goes on.

use sha2::{Digest as _, Sha256};
use wickd_model::printable;
use wickd_sandbox::exchange::nouns::{
    Channel, Description, Market, Operation, Pair, Response, Socket,
};

use super::bench::{Bench, Faulty, Live, START_NS, of_fault, tree};
use super::probes::{channels, operations, step_secs};
use super::report::Check;

/// Where the random numbers begin: the same in every examination.
const SEED: u64 = 42;
/// Longest row of random bytes.
const NOISE_BYTES_MAX: u64 = 512;
/// Longest excerpt of bytes shown with a fault.
const SHOWN_BYTES_MAX: usize = 160;
const STATUSES: [u16; 6] = [200, 200, 400, 418, 429, 503];
/// What is put in place of a piece: ends of ranges, other types, broken text.
const PIECES: [&[u8]; 12] = [
    b"",
    b"0",
    b"-1",
    b"null",
    b"1e308",
    b"NaN",
    b"99999999999999999999999999",
    b"0.000000000000000000000000001",
    b"[[[[[[[[",
    b"\"\\ud800\"",
    b"\xff\xfe",
    b"{}",
];

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Everything that reads.
struct Readers {
    channels: Vec<Channel>,
    sockets: Vec<Socket>,
    operations: Vec<Operation>,
}

impl Readers {
    fn of(live: &mut Live<'_>, markets: &[Market], described: &Description) -> Faulty<Self> {
        let mut wanted = Vec::new();
        for channel in channels(markets, described) {
            if live.plan(&[channel])?.is_ok() {
                wanted.push(channel);
            }
        }
        let sockets = live.plan(&wanted)?.unwrap_or_default();
        let step = step_secs(described);
        let operations = markets.iter().flat_map(|market| operations(market, step)).collect();
        Ok(Self { channels: wanted, sockets, operations })
    }

    /// An instance whose sockets are all open.
    fn ready<'b>(&self, bench: &'b Bench<'b>) -> Faulty<Result<Live<'b>, String>> {
        let mut live = match bench.fresh()? {
            Ok(live) => live,
            Err(refusal) => return Ok(Err(refusal)),
        };
        live.set_now(START_NS);
        let _ = live.plan(&self.channels)?;
        for socket in 0..self.sockets.len() as u32 {
            live.open(socket)?;
        }
        live.said();
        Ok(Ok(live))
    }
}

/// Throws so many rows of bytes at everything that reads; gives the hash of all answers.
pub(super) fn throw(
    bench: &Bench<'_>,
    described: &Description,
    recorded: &[Vec<u8>],
    count: u32,
    check: &mut Check,
    mut each: impl FnMut(),
) -> Faulty<Option<[u8; 32]>> {
    let Ok(mut live) = bench.fresh()? else { return Ok(None) };
    let readers = Readers::of(&mut live, &bench.markets, described)?;
    let Ok(mut live) = readers.ready(bench)? else { return Ok(None) };
    let (mut rng, mut hash) = (Rng(SEED), Sha256::new());
    for _ in 0..count {
        each();
        check.tried();
        let bytes = damaged(&mut rng, recorded);
        let (place, outcome) = one(&mut live, &readers, &mut rng, &bytes);
        match outcome {
            Ok(answer) => hash.update(answer),
            Err(fault) => {
                let (reason, fix) = of_fault(&fault);
                let shown = printable(&bytes, SHOWN_BYTES_MAX);
                check.wrong(place, format!("{reason}; at {shown}"), fix);
                hash.update(b"fault");
                let Ok(next) = readers.ready(bench)? else { return Ok(None) };
                live = next;
            }
        }
    }
    Ok(Some(hash.finalize().into()))
}

/// Hands bytes to one reader; gives what it answered and said.
fn one(
    live: &mut Live<'_>,
    readers: &Readers,
    rng: &mut Rng,
    bytes: &[u8],
) -> (String, Faulty<Vec<u8>>) {
    let frames = !readers.sockets.is_empty() && rng.below(2) == 0;
    let (place, outcome) = if frames {
        let socket = rng.below(readers.sockets.len()) as u32;
        let outcome = live.frame(socket, bytes).map(|()| String::new());
        (format!("a frame on socket {socket}"), outcome)
    } else {
        let operation = &readers.operations[rng.below(readers.operations.len())];
        let status = STATUSES[rng.below(STATUSES.len())];
        let pair = |name: &str, value: &str| Pair { name: name.into(), value: value.into() };
        let headers = vec![pair("Retry-After", "x"), pair("Content-Type", "text/html")];
        let response = Response { status, headers, body: bytes.to_vec() };
        let outcome = live.parse(operation, &response).map(|answer| format!("{answer:?}"));
        (format!("an answer {status} to {}", super::probes::name(operation)), outcome)
    };
    let said = live.said();
    (place, outcome.map(|answer| format!("{answer}{}", tree(&said)).into_bytes()))
}

/// A recorded row with one to four changes; one in eight is noise.
fn damaged(rng: &mut Rng, recorded: &[Vec<u8>]) -> Vec<u8> {
    if recorded.is_empty() || rng.below(8) == 0 {
        let length = rng.next() % NOISE_BYTES_MAX;
        return (0..length).map(|_| rng.next() as u8).collect();
    }
    let mut bytes = recorded[rng.below(recorded.len())].clone();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(5) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            2 => {
                // A piece of a number or a word, whole.
                let end = bytes[at..].iter().position(|b| !b.is_ascii_alphanumeric());
                let end = at + end.unwrap_or(bytes.len() - at);
                bytes.splice(at..end, PIECES[rng.below(PIECES.len())].iter().copied());
            }
            3 => {
                let other = &recorded[rng.below(recorded.len())];
                let from = rng.below(other.len() + 1);
                bytes.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let end = (at + rng.below(8)).min(bytes.len());
                bytes.splice(at..end, PIECES[rng.below(PIECES.len())].iter().copied());
            }
        }
    }
    bytes
}
