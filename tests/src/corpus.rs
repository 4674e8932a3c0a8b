//! Files nobody would build: a seeded heap of them, each a small attack on whoever reads it.
//!
//! Comes in: a seed and a whole component. Goes out: names and bytes, the same for the same seed.
//! What is damaged comes from the component; what is grown is made here and in [`crate::bombs`].
//! Deliberately absent: what should become of each; most are refused, and some are only odd.

use std::borrow::Cow;

use wasm_encoder::{
    ComponentBuilder, ComponentTypeRef, ComponentValType, ConstExpr, CustomSection, DataSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, PrimitiveValType,
    RawSection, TableSection, TableType, ValType,
};

use crate::{append, bombs, manifest_section, variant, with_module, without_section};

/// A generator of numbers (xorshift), so that a failure can be made again.
pub struct Dice(u64);

impl Dice {
    /// Starts at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll() as u8).collect()
    }
}

/// One way to make a file.
type Kind = (&'static str, fn(&mut Dice, &[u8]) -> Vec<u8>);

/// Every kind; the first ones damage a component, the others grow something.
const KINDS: [Kind; 24] = [
    ("cut", |dice, of| of[..dice.below(of.len())].to_vec()),
    ("flipped", flipped),
    ("zeroed", zeroed),
    ("repeated", repeated),
    ("spliced", spliced),
    ("noise", |dice, _| [HEADER, &noise(dice, 4_000)].concat()),
    ("sections", sections),
    ("lengths", lengths),
    ("no-component", no_component),
    ("types-in-types", |dice, _| bombs::types_in_types(1 + dice.below(60_000))),
    ("components", |dice, _| bombs::nested(1 + dice.below(400) as u32)),
    ("instances", |dice, _| bombs::instances(1 + dice.below(64) as u32)),
    ("deep-type", |dice, _| bombs::deep_type(1 + dice.below(2_000) as u32)),
    ("wide-type", |dice, _| bombs::wide_type(1 + dice.below(64) as u32)),
    ("many-types", |dice, _| bombs::holding(&bombs::types(1 + dice.below(200_000) as u32))),
    ("defined-types", defined_types),
    ("many-functions", many_functions),
    ("modules", modules),
    ("memories", memories),
    ("imports", imports),
    ("custom", custom),
    ("manifest", manifest),
    ("manifest-bytes", manifest_bytes),
    ("stamp", stamp),
];

/// What only a compiler chokes on: few of them, because each takes its whole budget of time.
const COMPILER: [Kind; 2] = [
    ("registers", |dice, _| {
        let body = bombs::mixed(1_000 + dice.below(48_000) as u32, 500 + dice.below(3_000) as u32);
        bombs::holding(&bombs::functions(1, &body))
    }),
    ("branches", |dice, _| {
        let body = bombs::branches(1 + dice.below(10_000) as u32, 1 + dice.below(400_000) as u32);
        bombs::holding(&bombs::functions(1, &body))
    }),
];

/// How many files there are for one that only a compiler chokes on.
const COMPILER_EVERY: usize = 100;

/// A component's first eight bytes.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// So many files from a seed, made of this component.
pub fn corpus(seed: u64, count: usize, of: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..count).map(move |number| {
        let mut dice = Dice::new(seed ^ (number as u64) << 20);
        let (name, make) = match number % COMPILER_EVERY {
            0 => COMPILER[(number / COMPILER_EVERY) % COMPILER.len()],
            place => KINDS[place % KINDS.len()],
        };
        (format!("{number:05}-{name}.wasm"), make(&mut dice, of))
    })
}

fn flipped(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let mut bytes = of.to_vec();
    for _ in 0..1 + dice.below(32) {
        let place = dice.below(bytes.len());
        bytes[place] ^= 1 << dice.below(8);
    }
    bytes
}

fn zeroed(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let mut bytes = of.to_vec();
    let from = dice.below(bytes.len());
    let to = (from + dice.below(5_000)).min(bytes.len());
    let with = [0, 0xff, 0x80][dice.below(3)];
    bytes[from..to].fill(with);
    bytes
}

fn repeated(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let from = dice.below(of.len());
    let to = (from + 1 + dice.below(2_000)).min(of.len());
    let part = of[from..to].repeat(1 + dice.below(20));
    [&of[..to], &part, &of[to..]].concat()
}

fn spliced(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let (one, other) = (dice.below(of.len()), dice.below(of.len()));
    [&of[..one], &of[other..]].concat()
}

fn noise(dice: &mut Dice, most: usize) -> Vec<u8> {
    let count = 1 + dice.below(most);
    dice.bytes(count)
}

/// Sections of any number with bytes that mean nothing there.
fn sections(dice: &mut Dice, _: &[u8]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for _ in 0..1 + dice.below(40) {
        let data = noise(dice, 60);
        append(&mut bytes, &RawSection { id: dice.below(14) as u8, data: &data });
    }
    bytes
}

/// Counts and lengths of a thousand millions, with nothing behind them.
fn lengths(dice: &mut Dice, _: &[u8]) -> Vec<u8> {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let id = dice.below(14) as u8;
    match dice.below(3) {
        0 => [HEADER, &[id], &huge].concat(),
        1 => {
            let mut bytes = HEADER.to_vec();
            append(&mut bytes, &RawSection { id, data: &huge });
            bytes
        }
        _ => {
            // A number of more bytes than a number has.
            let endless = vec![0x80; 1 + dice.below(10_000)];
            [HEADER, &[id], &endless].concat()
        }
    }
}

fn no_component(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let kinds: [&[u8]; 8] = [
        b"",
        b"\0asm",
        b"\0asm\x01\0\0\0",
        b"\x7fELF\x02\x01\x01\0",
        b"(component)",
        b"\x1f\x8b\x08\0",
        b"\x1b]0;evil\x07\x1b[2J",
        b"\0asm\x0d\0\x02\0",
    ];
    let kind = dice.below(kinds.len());
    [kinds[kind], &of[..dice.below(of.len().min(500))]].concat()
}

/// Records, variants, enums and flags of any width.
fn defined_types(dice: &mut Dice, _: &[u8]) -> Vec<u8> {
    let mut parts = ComponentBuilder::default();
    let names: Vec<String> = (0..1 + dice.below(3_000)).map(|n| format!("n{n}")).collect();
    let names = || names.iter().map(String::as_str);
    let text = ComponentValType::Primitive(PrimitiveValType::String);
    let (_, of) = parts.type_defined(None);
    match dice.below(4) {
        0 => of.record(names().map(|name| (name, text))),
        1 => of.variant(names().map(|name| (name, Some(text)))),
        2 => of.enum_type(names()),
        _ => of.flags(names()),
    }
    bombs::named_strategy(parts)
}

fn many_functions(dice: &mut Dice, _: &[u8]) -> Vec<u8> {
    let locals = bombs::locals(dice.below(60_000) as u32);
    bombs::holding(&bombs::functions(1 + dice.below(300) as u32, &locals))
}

/// Modules in components in components.
fn modules(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let module = bombs::functions(1 + dice.below(4) as u32, &bombs::locals(1));
    if dice.below(2) == 0 {
        return with_module(of, &module, dice.below(1_500) as u32);
    }
    let mut inner = ComponentBuilder::default();
    for _ in 0..1 + dice.below(40) {
        let mut outer = ComponentBuilder::default();
        for _ in 0..1 + dice.below(8) {
            outer.core_module(None, &module);
        }
        outer.component(None, inner);
        inner = outer;
    }
    bombs::named_strategy(inner)
}

/// Memories, tables, globals and data as large as their numbers allow.
fn memories(dice: &mut Dice, _: &[u8]) -> Vec<u8> {
    let (mut memories, mut tables) = (MemorySection::new(), TableSection::new());
    let (mut globals, mut data) = (GlobalSection::new(), DataSection::new());
    for _ in 0..1 + dice.below(20) {
        let (memory64, shared) = (dice.below(8) == 0, dice.below(8) == 0);
        let minimum = [0, 1, 65_536, 65_537][dice.below(4)];
        let maximum = (shared || dice.below(2) == 0).then_some(65_536);
        memories.memory(MemoryType { minimum, maximum, memory64, shared, page_size_log2: None });
    }
    for _ in 0..dice.below(200) {
        let minimum = [0, 10_000_000, u64::from(u32::MAX)][dice.below(3)];
        let element_type = wasm_encoder::RefType::FUNCREF;
        let (maximum, table64, shared) = (None, false, false);
        tables.table(TableType { element_type, minimum, maximum, table64, shared });
    }
    for _ in 0..dice.below(20_000) {
        let global = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        globals.global(global, &ConstExpr::i64_const(1));
    }
    for _ in 0..dice.below(2_000) {
        data.active(0, &ConstExpr::i32_const(-1), [0u8; 3]);
    }
    let mut module = Module::new();
    module.section(&tables).section(&memories).section(&globals).section(&data);
    bombs::holding(&module)
}

/// Imports of the component or of a module in it, with names of any kind.
fn imports(dice: &mut Dice, _: &[u8]) -> Vec<u8> {
    let odd = ["a", "wasi:sockets/tcp@0.2.6", "\u{202e}evil", "\u{1b}[2J", "é", "A_b", ""];
    let mut parts = ComponentBuilder::default();
    if dice.below(2) == 0 {
        let mut section = ImportSection::new();
        for number in 0..1 + dice.below(5_000) {
            let name = format!("{}{number}", odd[dice.below(odd.len())]);
            section.import(
                "m",
                &name,
                wasm_encoder::EntityType::Memory(MemoryType {
                    minimum: 0,
                    maximum: None,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                }),
            );
        }
        let mut module = Module::new();
        module.section(&section);
        return bombs::holding(&module);
    }
    let instance = parts.type_instance(None, &wasm_encoder::InstanceType::new());
    for number in 0..1 + dice.below(600) {
        let name = format!("{}{number}", odd[dice.below(odd.len())]);
        parts.import(&name, ComponentTypeRef::Instance(instance));
    }
    bombs::named_strategy(parts)
}

/// Sections that nobody reads: huge, countless, with names of any kind.
fn custom(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let mut bytes = variant(of, dice.below(1 << 20) as u64);
    match dice.below(3) {
        0 => {
            let data = vec![dice.below(256) as u8; dice.below(8 << 20)];
            let name = Cow::Borrowed("huge");
            append(&mut bytes, &CustomSection { name, data: Cow::Borrowed(&data) });
        }
        1 => {
            for _ in 0..dice.below(50_000) {
                append(&mut bytes, &RawSection { id: 0, data: &[1, b'n'] });
            }
        }
        _ => {
            let name = noise(dice, 200);
            append(
                &mut bytes,
                &RawSection { id: 0, data: &[&[name.len() as u8], &name[..]].concat() },
            );
        }
    }
    bytes
}

/// Manifests that are bombs as YAML, or say what no manifest may say.
fn manifest(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let mut aliases = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        aliases += &format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 9].join(","));
    }
    let deep = 1 + dice.below(30_000);
    let head = "version: 0.1.0\nworld: strategy\ndescription: d\nlicense: MIT\n";
    let texts = [
        aliases,
        "[".repeat(deep),
        "- ".repeat(deep),
        "a: ".repeat(deep / 2),
        "{".repeat(deep) + &"}".repeat(deep),
        "? ".repeat(deep),
        "&a ".repeat(deep / 2) + "x",
        format!("name: &n [*n, *n]\n{head}"),
        format!("name: wickd\n{head}"),
        format!("name: {}\n{head}", "a".repeat(deep)),
        format!("name: a\u{202e}b\n{head}"),
        format!("name: a\n{}", head.replace("0.1.0", "18446744073709551616.0.0")),
        format!("name: a\n{}", head.replace("0.1.0", &"1".repeat(deep))),
        format!("name: a\n{head}requires: {{{}}}\n", "a: '*', ".repeat(deep / 10)),
        format!("name: !!binary a\n{head}<<: *x\n"),
        format!("%YAML 9.9\n---\nname: a\n{head}...\n---\nname: b\n"),
        "\u{feff}".repeat(deep / 4),
        "|".to_owned() + &"\n x".repeat(deep / 4),
        "'".repeat(deep),
        "\"\\u".repeat(deep / 4),
        "#".repeat(64 << 10),
    ];
    let bare = without_section(of, "wickd:manifest");
    manifest_section(&bare, texts[dice.below(texts.len())].as_bytes())
}

/// Bytes that are no text in the manifest's place.
fn manifest_bytes(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let bare = without_section(of, "wickd:manifest");
    let texts = [
        noise(dice, 64 << 10),
        b"name: \xc0\xaf\xed\xa0\x80".to_vec(),
        b"name: \xff\xfea\0b\0".to_vec(),
        vec![0; 1 + dice.below(70_000)],
        b"\x1b[2J\x1b]8;;http://evil\x07".to_vec(),
    ];
    manifest_section(&bare, &texts[dice.below(texts.len())])
}

/// Stamps that are no version of the contract.
fn stamp(dice: &mut Dice, of: &[u8]) -> Vec<u8> {
    let mut bytes = without_section(of, "wickd:wit");
    let stamps: [&[u8]; 6] =
        [b"", b"9.9.9", b"0.1.0-\x1b[2J", b"18446744073709551616.0.0", b"\xff\xfe", b"0.1.0\0"];
    let data = match dice.below(stamps.len() + 1) {
        place if place < stamps.len() => stamps[place].to_vec(),
        _ => vec![b'1'; 1 + dice.below(100_000)],
    };
    let name = Cow::Borrowed("wickd:wit");
    append(&mut bytes, &CustomSection { name, data: Cow::Borrowed(&data) });
    bytes
}
