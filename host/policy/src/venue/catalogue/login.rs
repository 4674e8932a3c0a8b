//! The frames that log a WebSocket in, member by member.
//!
//! Comes in: the frames a venue documents, and one that is about to be sent. Goes out: that it is one of
//! them, in which every member is a constant, a credential, the time or the signature. Deliberately
//! absent: a frame with anything more in it: the signature would be lent to whatever that says.

use super::json::Json;
use super::leaf::{Known, Leaf};
use crate::venue::PathClass;
use crate::yaml::{Fields, Node, NodeKind, Problem, Problems};

/// Deepest nesting of a frame.
const DEPTH_MAX: usize = 6;

/// A frame as a venue documents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginLine {
    pub(super) class: PathClass,
    frame: Frame,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Frame {
    Leaf(Leaf),
    List(Vec<Frame>),
    /// Members, and whether each may be left out.
    Map(Vec<(String, bool, Frame)>),
}

impl LoginLine {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let of = Fields::of(node, &["class", "frame"], problems)?;
        let classes = [("read", PathClass::Read), ("trade", PathClass::Trade)];
        let class = of.get("class").map(|node| node.one_of(&classes)).transpose();
        let frame = of.need("frame", problems).map(|node| Frame::read(node, DEPTH_MAX));
        let frame = problems.keep(frame?)?;
        let class = problems.keep(class)?.unwrap_or(PathClass::Read);
        if !frame.has(&Leaf::Signature) {
            let fix = "add it as `<signature>`, where the venue reads it";
            problems.add(Problem::new(&node.place, "a login without a signature", fix));
        }
        Some(Self { class, frame })
    }

    /// Whether a text is this frame and nothing else.
    pub(super) fn admits(&self, text: &str, known: &Known<'_>) -> bool {
        Json::parse(text.as_bytes()).is_some_and(|json| self.frame.admits(&json, known))
    }
}

impl Frame {
    fn read(node: &Node, depth: usize) -> Result<Self, Problem> {
        if depth == 0 {
            return Err(Problem::new(&node.place, "a frame too deep", "write a flatter one"));
        }
        Ok(match &node.kind {
            NodeKind::List(items) => {
                let items = items.iter().map(|item| Self::read(item, depth - 1));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            NodeKind::Map(members) => {
                let member = |(key, node): &(crate::yaml::Key, Node)| {
                    let frame = Self::read(node, depth - 1)?;
                    let (name, may) = match key.text.strip_suffix('?') {
                        Some(name) => (name, true),
                        None => (key.text.as_str(), false),
                    };
                    Ok((name.to_owned(), may, frame))
                };
                Self::Map(members.iter().map(member).collect::<Result<_, _>>()?)
            }
            _ => {
                let leaf = Leaf::read(node)?;
                if leaf.is_of_order() {
                    let fix = "remove it: a login says nothing about an order";
                    return Err(Problem::new(&node.place, "a part of an order in a login", fix));
                }
                Self::Leaf(leaf)
            }
        })
    }

    fn has(&self, leaf: &Leaf) -> bool {
        match self {
            Self::Leaf(own) => own == leaf,
            Self::List(items) => items.iter().any(|item| item.has(leaf)),
            Self::Map(members) => members.iter().any(|(_, _, frame)| frame.has(leaf)),
        }
    }

    fn admits(&self, json: &Json, known: &Known<'_>) -> bool {
        match (self, json) {
            (Self::Leaf(leaf), Json::Leaf(text)) => leaf.admits(text, known),
            (Self::List(frames), Json::List(items)) => {
                let each =
                    || frames.iter().zip(items).all(|(frame, item)| frame.admits(item, known));
                frames.len() == items.len() && each()
            }
            (Self::Map(frames), Json::Map(members)) => {
                let is_known =
                    |(name, _): &(String, Json)| frames.iter().any(|(own, _, _)| own == name);
                members.iter().all(is_known)
                    && frames.iter().all(|(name, may, frame)| match json.get(name) {
                        Some(value) => frame.admits(value, known),
                        None => *may,
                    })
            }
            _ => false,
        }
    }
}
