//! Asks for a thousand inputs. Expected: kind `bad-value` in `init`.

use wickd_rude::{Entry, Input, Instrument, Issue, Needs, Rude, Source, needs};

/// Inputs.
const INPUTS: u32 = 1_000;

/// The guest.
pub struct WantsInputs;

impl Rude for WantsInputs {
    fn init(_: Vec<Entry>, _: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        let input = |number: u32| Input {
            plugin: format!("input-{number}"),
            instrument: number,
            source: Source::Mid,
            params: Vec::new(),
        };
        Ok(Needs { inputs: (0..INPUTS).map(input).collect(), ..needs() })
    }
}

wickd_rude::export!(WantsInputs);
