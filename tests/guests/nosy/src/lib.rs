//! Reads an input that gives NaN, and handles it was never given. Expected: it sees 0 and "not
//! ready" for all of them, and lives.

use wickd_rude::{
    Entry, Input, Instrument, Issue, Needs, Rude, Source, Stamp, inputs, needs, runtime,
};

/// The guest.
pub struct Nosy;

impl Rude for Nosy {
    fn init(_: Vec<Entry>, instruments: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        let inputs = instruments
            .iter()
            .map(|of| Input {
                plugin: "nan-indicator".to_owned(),
                instrument: of.id,
                source: Source::Mid,
                params: Vec::new(),
            })
            .collect();
        Ok(Needs { inputs, ..needs() })
    }
    fn tick(_: Stamp) {
        let mut seen = 0;
        for handle in [0, 1, 77, u32::MAX] {
            for output in [0, 1, 16, u32::MAX] {
                seen += u32::from(inputs::ready(handle));
                seen += u32::from(inputs::value(handle, output) != 0.0);
            }
        }
        runtime::metric("seen", f64::from(seen));
    }
}

wickd_rude::export!(Nosy);
