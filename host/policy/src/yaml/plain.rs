//! A tree without its places, as plain serde values: how one process hands it to another as JSON.
//!
//! Comes in: a [`Node`]. Goes out: nulls, texts, lists and maps in their order, and back again under
//! the same bounds of depth and number. Deliberately absent: places, which only mean something beside
//! the text they point into.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{DEPTH_MAX, Key, NODES_MAX, Node, NodeKind, Place};

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            NodeKind::Null => to.serialize_unit(),
            NodeKind::Scalar(text) => to.serialize_str(text),
            NodeKind::List(items) => to.collect_seq(items),
            NodeKind::Map(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, node) in entries {
                    map.serialize_entry(&key.text, node)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Plain { depth: 0, nodes: &mut 0 }.deserialize(from)
    }
}

/// One node to come: how deep it stands, and how many there were.
struct Plain<'n> {
    depth: usize,
    nodes: &'n mut usize,
}

impl<'n> Plain<'n> {
    fn below(&mut self) -> Plain<'_> {
        Plain { depth: self.depth + 1, nodes: self.nodes }
    }
}

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        *self.nodes += 1;
        if self.depth > DEPTH_MAX || *self.nodes > NODES_MAX {
            return Err(D::Error::custom("a tree that is too deep or has too many nodes"));
        }
        let kind = from.deserialize_any(self)?;
        Ok(Node { place: Place::default(), kind })
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = NodeKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a text, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<NodeKind, E> {
        Ok(NodeKind::Scalar(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<NodeKind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below())? {
            list.push(item);
        }
        Ok(NodeKind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<NodeKind, A::Error> {
        let (mut map, mut known) = (Vec::new(), BTreeSet::new());
        while let Some(text) = entries.next_key::<String>()? {
            if !known.insert(text.clone()) {
                return Err(A::Error::custom("a key stands there twice"));
            }
            let node = entries.next_value_seed(self.below())?;
            map.push((Key { place: Place::default(), text }, node));
        }
        Ok(NodeKind::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(node: &Node) -> Node {
        serde_json::from_str(&serde_json::to_string(node).unwrap()).unwrap()
    }

    #[test]
    fn a_tree_comes_back_in_its_order_with_scalars_as_written() {
        let node = parse("z: 0.10\na: [~, no, {k: 'x y'}]\nm: {}\n", 99).unwrap();
        let text = serde_json::to_string(&node).unwrap();
        assert_eq!(text, r#"{"z":"0.10","a":[null,"no",{"k":"x y"}],"m":{}}"#);
        assert_eq!(serde_json::to_string(&there_and_back(&node)).unwrap(), text);
    }

    #[test]
    fn what_no_text_could_have_given_is_refused() {
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 2), "]".repeat(DEPTH_MAX + 2));
        let many = serde_json::to_string(&vec![(); NODES_MAX + 1]).unwrap();
        for text in ["1", "true", "1.5", r#"{"a":null,"a":null}"#, &deep, &many] {
            assert!(
                serde_json::from_str::<Node>(text).is_err(),
                "{} was taken",
                &text[..9.min(text.len())]
            );
        }
    }

    proptest! {
        #[test]
        fn any_yaml_that_is_read_survives_the_way(text in "[-:\\[\\]{}, \na0]{0,60}") {
            if let Ok(node) = parse(&text, 1 << 10) {
                let there = there_and_back(&node);
                prop_assert_eq!(serde_json::to_string(&there).unwrap(), serde_json::to_string(&node).unwrap());
            }
        }
    }
}
