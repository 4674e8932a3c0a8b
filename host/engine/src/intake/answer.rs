//! What the child that reads a component says: its description, its code, or a refusal.
//!
//! Comes in: frames over a pipe, or an answer out of the cache in the same form. Goes out: values
//! whose every field is within its bound. The child has parsed a stranger's bytes, so it is a stranger
//! itself: a frame is at most [`FRAME_BYTES_MAX`] long, has only known fields, and a refusal is shown
//! escaped. Deliberately absent: processes, and what the description is good for.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};
use wickd_model::{World, printable};
use wickd_policy::yaml::Node;
use wickd_sandbox::{IMPORTS_MAX, NAME_BYTES_MAX};

use super::Refusal;

/// Longest frame: a manifest of 64 KiB whose every byte is escaped has 400,000 bytes.
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Longest artefact: machine code is a few times the component's size, and the child that made it
/// had 1 GiB for everything.
const ARTEFACT_BYTES_MAX: u64 = 512 << 20;
/// Longest version stamp: semantic versions have some ten bytes.
const STAMP_BYTES_MAX: usize = 64;
/// Longest reason or fix of a refusal.
const REASON_BYTES_MAX: usize = 2 << 10;

/// What a component says of itself, read and bounded, and not yet believed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What it exports.
    pub world: World,
    /// The version of `wit/` it was built for, as stamped.
    pub wit: String,
    /// Names of its imports, printable.
    pub imports: Vec<String>,
    /// Functions in all its modules.
    pub functions: u32,
    /// Its embedded manifest.
    pub manifest: Node,
}

/// One frame.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Frame {
    /// The component has been read and may be compiled.
    Described(Description),
    /// It is no plugin.
    Refused { step: String, reason: String, fix: String },
    /// Its machine code follows, so many bytes.
    Code { bytes: u64 },
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The child ended before its answer did.
    #[error("its answer ends too early")]
    Short(#[from] std::io::Error),
    /// What came is not an answer.
    #[error("its answer is not one: {0}")]
    Garbled(String),
}

/// The whole answer.
pub(crate) enum Answer {
    Code(Description, Vec<u8>),
    /// The description alone: the code is not wanted yet.
    Described,
    Refused(Refusal),
}

impl Answer {
    /// Reads an answer to its end; `described` sees the description as soon as it is there, and says
    /// whether to go on to the code.
    pub(crate) fn read(
        mut from: impl Read,
        described: impl FnOnce(&Description) -> bool,
    ) -> Result<Self, NoAnswer> {
        let description = match frame(&mut from)? {
            Frame::Described(description) => bounded(description)?,
            Frame::Refused { step, reason, fix } => return refused(&step, &reason, &fix),
            Frame::Code { .. } => return Err(garbled("code without a description")),
        };
        if !described(&description) {
            return Ok(Self::Described);
        }
        let bytes = match frame(&mut from)? {
            Frame::Code { bytes } if bytes <= ARTEFACT_BYTES_MAX => bytes,
            Frame::Code { .. } => return Err(garbled("more code than there can be")),
            Frame::Refused { step, reason, fix } => return refused(&step, &reason, &fix),
            Frame::Described(_) => return Err(garbled("two descriptions")),
        };
        let mut code = Vec::new();
        (&mut from).take(bytes).read_to_end(&mut code)?;
        let rest = from.read(&mut [0])?;
        match code.len() as u64 == bytes && rest == 0 {
            true => Ok(Self::Code(description, code)),
            false => Err(garbled("another length than it says")),
        }
    }
}

/// Says that a component may be compiled.
pub(crate) fn say_described(to: &mut impl Write, of: &Description) -> std::io::Result<()> {
    say(to, &Frame::Described(of.clone()))
}

/// Says that it is no plugin.
pub(crate) fn say_refused(to: &mut impl Write, refusal: &Refusal) -> std::io::Result<()> {
    let Refusal { step, reason, fix } = refusal.clone();
    say(to, &Frame::Refused { step: step.to_owned(), reason, fix })
}

/// Hands the code over.
pub(crate) fn say_code(to: &mut impl Write, code: &[u8]) -> std::io::Result<()> {
    say(to, &Frame::Code { bytes: code.len() as u64 })?;
    to.write_all(code)?;
    to.flush()
}

fn say(to: &mut impl Write, frame: &Frame) -> std::io::Result<()> {
    let text = serde_json::to_vec(frame)?;
    let length = u32::try_from(text.len()).map_err(std::io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&text)?;
    to.flush()
}

fn frame(from: &mut impl Read) -> Result<Frame, NoAnswer> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(garbled("a frame that is too long"));
    }
    let mut text = vec![0; length as usize];
    from.read_exact(&mut text)?;
    serde_json::from_slice(&text).map_err(|error| garbled(&error.to_string()))
}

fn bounded(description: Description) -> Result<Description, NoAnswer> {
    let Description { wit, imports, .. } = &description;
    let is_plain = |text: &String| !text.chars().any(char::is_control);
    // Escaping what cannot be printed makes a name up to eight times as long.
    let is_name = |name: &String| name.len() <= 8 * NAME_BYTES_MAX && is_plain(name);
    let fits = wit.len() <= STAMP_BYTES_MAX && is_plain(wit);
    match fits && imports.len() <= IMPORTS_MAX && imports.iter().all(is_name) {
        true => Ok(description),
        false => Err(garbled("a description beyond its bounds")),
    }
}

fn refused(step: &str, reason: &str, fix: &str) -> Result<Answer, NoAnswer> {
    let step = Refusal::STEPS.into_iter().find(|known| *known == step);
    let step = step.ok_or_else(|| garbled("a refusal at no known step"))?;
    let shown = |text: &str| printable(text.as_bytes(), REASON_BYTES_MAX);
    Ok(Answer::Refused(Refusal { step, reason: shown(reason), fix: shown(fix) }))
}

fn garbled(what: &str) -> NoAnswer {
    NoAnswer::Garbled(printable(what.as_bytes(), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        let manifest = wickd_policy::yaml::parse("name: x\nrequires: {a: '1'}\n", 99).unwrap();
        let (wit, imports) = ("0.1.0".into(), vec!["wasi:io/poll@0.2.6".into()]);
        Description { world: World::Signal, wit, imports, functions: 7, manifest }
    }

    fn read(bytes: &[u8]) -> Result<Answer, NoAnswer> {
        Answer::read(bytes, |_| true)
    }

    fn spoken(say: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
        let mut bytes = Vec::new();
        say(&mut bytes).unwrap();
        bytes
    }

    fn whole() -> Vec<u8> {
        let described = spoken(|to| say_described(to, &description()));
        [described, spoken(|to| say_code(to, b"machine code"))].concat()
    }

    #[test]
    fn an_answer_arrives_as_it_was_said() {
        let mut seen = None;
        let answer = Answer::read(&whole()[..], |description| {
            seen = Some(description.clone());
            true
        });
        let Ok(Answer::Code(read, code)) = answer else { panic!("no code") };
        assert_eq!((&code[..], seen.as_ref()), (&b"machine code"[..], Some(&read)));
        assert_eq!((read.world, read.functions), (World::Signal, 7));
        assert!(matches!(Answer::read(&whole()[..], |_| false), Ok(Answer::Described)));
        let said = Refusal::new("validate", "not \u{1b}[2J whole", "build it again");
        let bytes = spoken(|to| say_refused(to, &said));
        let Ok(Answer::Refused(read)) = self::read(&bytes) else { panic!("no refusal") };
        assert_eq!((read.step, read.reason.as_str()), ("validate", "not \\u{1b}[2J whole"));
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_is_none() {
        let whole = whole();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes were taken");
        }
        assert!(read(&[&whole[..], b"x"].concat()).is_err(), "a longer one was taken");
    }

    #[test]
    fn an_answer_beyond_its_bounds_is_none() {
        let with = |change: &dyn Fn(&mut Description)| {
            let mut other = description();
            change(&mut other);
            let described = spoken(|to| say_described(to, &other));
            read(&[described, spoken(|to| say_code(to, b"x"))].concat()).is_err()
        };
        assert!(!with(&|_| {}));
        assert!(with(&|it| it.wit = "9".repeat(65)));
        assert!(with(&|it| it.wit = "0.1\n".into()));
        assert!(with(&|it| it.imports = vec!["a".into(); 257]));
        assert!(with(&|it| it.imports = vec!["a".repeat(1_025)]));
        assert!(with(&|it| it.imports = vec!["\u{1b}[2J".into()]));
        let framed = |text: &str| [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
        for text in [
            "{}",
            "null",
            r#"{"code":{"bytes":1}}"#,
            r#"{"refused":{"step":"luck","reason":"","fix":""}}"#,
            r#"{"refused":{"step":"read","reason":"","fix":"","more":1}}"#,
            &"[".repeat(100_000),
        ] {
            assert!(read(&framed(text)).is_err(), "{} was taken", &text[..2]);
        }
        assert!(read(&[0xff; 64]).is_err());
    }
}
