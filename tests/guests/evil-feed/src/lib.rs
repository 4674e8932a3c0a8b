//! Gives what is not its to give. Expected: nothing of it reaches anybody, each is named and counted,
//! and who will not stop is stopped.
//!
//! Comes in: one attack by name. Goes out: market data that cannot be, or none; the first attack comes
//! in the first round.

use wickd_sdk::prelude::*;
use wickd_sdk::{Feed, Out, Runtime};

/// Events of a flood: beyond any round's share.
const FLOOD: u32 = 50_000;
/// Rounds of a flaky one before it fails.
const GOOD_ROUNDS: u32 = 3;
const ONE: Qty = Qty(1_000_000);

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Which attack.
    #[param(default = "none", max = 32)]
    attack: String,
}

/// The guest.
pub struct EvilFeed {
    attack: String,
    own: InstrumentId,
    rounds: u32,
}

impl Feed for EvilFeed {
    type Params = Config;

    fn new(config: Config, instruments: Vec<Instrument>) -> Result<Self, Vec<Issue>> {
        let own = instruments.first().map_or(0, |instrument| instrument.id);
        Ok(Self { attack: config.attack, own, rounds: 0 })
    }

    fn run(&mut self, ctx: &Runtime, out: &mut Out) -> Result<Duration, String> {
        let (own, now) = (self.own, ctx.now());
        self.rounds += 1;
        let mut taken = 0;
        let mut quote = |of: InstrumentId, bid: i64, ask: i64| {
            taken += u32::from(out.quote(of, now, (Px(bid), ONE), (Px(ask), ONE)));
        };
        match self.attack.as_str() {
            // Every instrument of the house, and some that nobody has.
            "foreign" => (0..40).filter(|of| *of != own).for_each(|of| quote(of, 100, 101)),
            "crossed" => quote(own, 101, 100),
            "locked" => quote(own, 100, 100),
            "zero" => {
                quote(own, 0, 100);
                quote(own, i64::MIN, i64::MAX);
                for (price, size) in [(0, 1), (-1, 1), (1, 0), (1, i64::MIN)] {
                    let of = (Aggressor::Buyer, 1);
                    taken += u32::from(out.trade(own, now, Px(price), Qty(size), of));
                }
            }
            "flood" => (0..FLOOD).for_each(|_| quote(own, 100, 101)),
            "spin" => loop {
                std::hint::black_box(ctx);
            },
            "panic" => {
                // What a round has given before it fails is not given.
                quote(own, 100, 101);
                panic!("as it meant to");
            }
            "flaky" if self.rounds > GOOD_ROUNDS => panic!("as it meant to"),
            "hang" => std::thread::sleep(Duration::from_secs(3600)),
            "errors" => return Err("\u{1b}[31mred\n".repeat(1_000)),
            "sleeps" => {}
            _ => quote(own, 100, 101),
        }
        ctx.info(&format!("taken {taken}"));
        let ms = if self.attack == "sleeps" { u64::MAX } else { 0 };
        Ok(Duration::from_millis(ms))
    }
}

wickd_sdk::export_feed!(EvilFeed);
