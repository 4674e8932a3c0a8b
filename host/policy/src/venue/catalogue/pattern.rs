//! A method and a whole path, in which a segment may be anything or a part of the order.

use super::leaf::{Known, Leaf};
use crate::venue::path::{METHODS, forbidden_in_path};
use crate::yaml::{Node, Problem, quoted};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Word(String),
    /// Any one segment of plain characters.
    Any,
    Leaf(Leaf),
}

/// Which requests a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    method: &'static str,
    segments: Vec<Segment>,
}

impl Pattern {
    pub(super) fn read(node: &Node) -> Result<Self, Problem> {
        let text = node.text_within(PATTERN_BYTES_MAX)?;
        let fault = |reason: String, fix: &str| {
            Problem::new(&node.place, format!("`{}`: {reason}", quoted(&text)), fix)
        };
        let like = "write it like `GET /api/v3/account`, with `*` for any one segment";
        let Some((method, path)) = text.split_once(' ') else {
            return Err(fault("no method and path".to_owned(), like));
        };
        if let Some(word) = forbidden_in_path(path) {
            let fix = "remove it: nothing that moves money out or changes keys is signed";
            return Err(fault(format!("it names `{word}`"), fix));
        }
        let Some(method) = METHODS.into_iter().find(|known| *known == method) else {
            let fix = "write GET, POST, PUT, PATCH or DELETE";
            return Err(fault("another method".to_owned(), fix));
        };
        let Some(path) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
            return Err(fault("no path from the root".to_owned(), like));
        };
        let mut segments = Vec::new();
        for part in path.split('/') {
            segments.push(match part {
                "*" => Segment::Any,
                part if part.starts_with('<') => {
                    let kind = crate::yaml::NodeKind::Scalar(part.to_owned());
                    Segment::Leaf(Leaf::read(&Node { place: node.place.clone(), kind })?)
                }
                part if is_plain(part) => Segment::Word(part.to_owned()),
                _ => return Err(fault("a segment that is not plain".to_owned(), like)),
            });
        }
        match segments.iter().any(|segment| matches!(segment, Segment::Word(_))) {
            true => Ok(Self { method, segments }),
            false => Err(fault("a line for anything at all".to_owned(), like)),
        }
    }

    /// Whether it is about a request; places of the order are held against it separately.
    pub fn covers(&self, method: &str, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |(segment, part): (&Segment, &&str)| match segment {
            Segment::Word(word) => word == part,
            Segment::Any | Segment::Leaf(_) => is_plain(part),
        };
        method == self.method
            && parts.len() == self.segments.len()
            && self.segments.iter().zip(&parts).all(fits)
    }

    /// The first place of the order in a path it covers that says something else.
    pub(super) fn contradicts<'p>(
        &self,
        path: &'p str,
        known: &Known<'_>,
    ) -> Option<(&Leaf, &'p str)> {
        let parts = path.trim_start_matches('/').split('/');
        self.segments.iter().zip(parts).find_map(|(segment, part)| match segment {
            Segment::Leaf(leaf) if !leaf.admits(part, known) => Some((leaf, part)),
            _ => None,
        })
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Leaf(leaf) => Some(leaf),
            _ => None,
        })
    }
}

fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-~".contains(&byte);
    !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
}
