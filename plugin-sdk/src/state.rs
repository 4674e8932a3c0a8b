//! Saved state: what a plugin remembers, as few bytes as it takes, read back without trust.
//!
//! Comes in: the fields of a struct with `#[derive(State)]`. Goes out: bytes that are the same for
//! the same values, on every machine. Deliberately absent: self-description; a fingerprint of the
//! layout stands first, so that bytes of another layout are refused and not misread.
//!
//! Whole numbers are LEB128 varints (signed ones zigzagged first, as in Protocol Buffers); floats
//! are their eight bytes, little-endian, so that they come back bit for bit.

use std::fmt;

/// The most items of one list: what a plugin remembers is small, and a length is not trusted.
pub const ITEMS_MAX: usize = 65_536;
/// Bytes of the layout's fingerprint.
const LAYOUT_BYTES: usize = 8;

/// Why bytes are not the state of this plugin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateError {
    /// The plugin keeps no state.
    Stateless,
    /// Saved as another version, and there is no migration from it.
    Version {
        /// What the bytes were saved as.
        saved: u32,
        /// What the plugin writes.
        ours: u32,
    },
    /// The same version, but other fields: the author forgot to raise `#[state(version)]`.
    Layout,
    /// The bytes end early.
    Short,
    /// Bytes are left over.
    Long,
    /// A value its field cannot hold.
    Value(&'static str),
    /// The state fits other parameters than these.
    Config(&'static str),
    /// A migration's own reason.
    Other(String),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stateless => f.write_str("this plugin keeps no state"),
            Self::Version { saved, ours } => write!(
                f,
                "state of version {saved}, this plugin reads version {ours} and has no migration"
            ),
            Self::Layout => f.write_str(
                "state of the same version with other fields; raise `#[state(version)]` in the \
                 plugin whenever a field changes",
            ),
            Self::Short => f.write_str("the state ends early"),
            Self::Long => f.write_str("the state has bytes left over"),
            Self::Value(what) => write!(f, "not a {what}"),
            Self::Config(what) => write!(f, "the state was saved under another {what}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StateError {}

/// What a plugin carries from one version of itself to the next. Derive it.
pub trait State {
    /// 0: no state, the host warms the plugin up instead.
    const VERSION: u32;

    /// The state as bytes; the same for the same values.
    fn save(&self) -> Vec<u8>;

    /// Takes over saved bytes. Fields may be half written where this fails.
    ///
    /// # Errors
    /// The bytes are of a version, layout or configuration that does not fit, or broken.
    fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), StateError>;
}

/// One value inside a state. Derived for structs and for enums without fields.
pub trait Field {
    /// Fingerprint of how it is written.
    const LAYOUT: u64;

    /// Appends the value.
    fn write(&self, to: &mut Vec<u8>);

    /// Reads it back in place, so that a value may hold the bytes against its own configuration.
    ///
    /// # Errors
    /// The bytes do not hold such a value.
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError>;
}

/// Saved bytes, read from the front.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(StateError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next varint.
    ///
    /// # Errors
    /// The bytes end, or the number needs more than 64 bits or more bytes than it should.
    pub fn varint(&mut self) -> Result<u64, StateError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.bytes()?;
            let part = u64::from(byte & 0x7f);
            // Only one spelling per number: no bits beyond 64, no idle zero at the end.
            if part << shift >> shift != part || (byte == 0 && shift > 0) {
                return Err(StateError::Value("varint"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(StateError::Value("varint"))
    }

    /// The length of a list. Each item has a byte or more, so the bytes left bound it too.
    ///
    /// # Errors
    /// It is above [`ITEMS_MAX`] or above what the bytes left can hold.
    pub fn len(&mut self) -> Result<usize, StateError> {
        match usize::try_from(self.varint()?) {
            Ok(len) if len <= ITEMS_MAX && len <= self.rest.len() => Ok(len),
            _ => Err(StateError::Value("length of a list")),
        }
    }

    /// A block of bytes behind its length.
    ///
    /// # Errors
    /// The length is above what is left.
    pub fn block(&mut self) -> Result<&'a [u8], StateError> {
        let len = usize::try_from(self.varint()?).map_err(|_| StateError::Short)?;
        let (head, rest) = self.rest.split_at_checked(len).ok_or(StateError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// True once everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a varint.
pub fn write_varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// The bytes of a state: its layout, then its fields.
pub fn encode(state: &impl Field) -> Vec<u8> {
    fn with_layout(state: &impl Field, layout: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&layout.to_le_bytes());
        state.write(&mut bytes);
        bytes
    }
    fn layout_of<T: Field>(_: &T) -> u64 {
        T::LAYOUT
    }
    with_layout(state, layout_of(state))
}

/// Reads back what [`encode`] wrote.
///
/// # Errors
/// The layout is another, a value does not fit, or the length is wrong.
pub fn decode<T: Field>(state: &mut T, bytes: &[u8]) -> Result<(), StateError> {
    let mut reader = Reader::new(bytes);
    if reader.bytes::<LAYOUT_BYTES>()? != T::LAYOUT.to_le_bytes() {
        return Err(StateError::Layout);
    }
    state.read(&mut reader)?;
    if reader.is_empty() { Ok(()) } else { Err(StateError::Long) }
}

/// Restores, or leaves the state as it was: after a refusal the plugin is still whole.
pub(crate) fn restore_or_keep<T: State>(
    state: &mut T,
    version: u32,
    bytes: &[u8],
) -> Result<(), StateError> {
    let before = state.save();
    let result = state.restore(version, bytes);
    if result.is_err() && T::VERSION != 0 {
        // What a state has just saved, it reads.
        state.restore(T::VERSION, &before)?;
    }
    result
}

/// FNV-1a, 64 bits, of a name (Fowler, Noll, Vo).
pub const fn fingerprint(name: &str) -> u64 {
    let (bytes, mut hash, mut at) = (name.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Adds one part to the fingerprint of a layout. The order of the parts counts.
pub const fn mix(hash: u64, part: u64) -> u64 {
    (hash.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

macro_rules! unsigned {
    ($($type:ty)*) => {$(
        impl Field for $type {
            const LAYOUT: u64 = fingerprint(stringify!($type));
            fn write(&self, to: &mut Vec<u8>) {
                write_varint(u64::from(*self), to);
            }
            fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
                let value = from.varint()?;
                *self = value.try_into().map_err(|_| StateError::Value(stringify!($type)))?;
                Ok(())
            }
        }
    )*};
}
unsigned!(u8 u16 u32 u64);

macro_rules! signed {
    ($($type:ty)*) => {$(
        impl Field for $type {
            const LAYOUT: u64 = fingerprint(stringify!($type));
            fn write(&self, to: &mut Vec<u8>) {
                let value = i64::from(*self);
                write_varint((value << 1 ^ value >> 63) as u64, to);
            }
            fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
                let value = from.varint()?;
                let value = (value >> 1) as i64 ^ -((value & 1) as i64);
                *self = value.try_into().map_err(|_| StateError::Value(stringify!($type)))?;
                Ok(())
            }
        }
    )*};
}
signed!(i8 i16 i32 i64);

macro_rules! newtypes {
    ($($type:ident)*) => {$(
        impl Field for crate::$type {
            const LAYOUT: u64 = fingerprint(stringify!($type));
            fn write(&self, to: &mut Vec<u8>) {
                self.0.write(to);
            }
            fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
                self.0.read(from)
            }
        }
    )*};
}
newtypes!(Px Qty Cash);

impl Field for bool {
    const LAYOUT: u64 = fingerprint("bool");
    fn write(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        *self = match from.bytes()? {
            [0] => false,
            [1] => true,
            _ => return Err(StateError::Value("boolean")),
        };
        Ok(())
    }
}

impl Field for f64 {
    const LAYOUT: u64 = fingerprint("f64");
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.to_bits().to_le_bytes());
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        *self = Self::from_bits(u64::from_le_bytes(from.bytes()?));
        Ok(())
    }
}

impl<T: Field + Default> Field for Option<T> {
    const LAYOUT: u64 = mix(fingerprint("option"), T::LAYOUT);
    fn write(&self, to: &mut Vec<u8>) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let mut some = false;
        some.read(from)?;
        match (some, self.as_mut()) {
            (false, _) => *self = None,
            (true, Some(value)) => value.read(from)?,
            (true, None) => self.insert(T::default()).read(from)?,
        }
        Ok(())
    }
}

impl<T: Field, const N: usize> Field for [T; N] {
    const LAYOUT: u64 = mix(mix(fingerprint("array"), N as u64), T::LAYOUT);
    fn write(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|item| item.write(to));
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.iter_mut().try_for_each(|item| item.read(from))
    }
}

impl<T: Field + Default> Field for Vec<T> {
    const LAYOUT: u64 = mix(fingerprint("list"), T::LAYOUT);
    fn write(&self, to: &mut Vec<u8>) {
        let kept = self.len().min(ITEMS_MAX);
        write_varint(kept as u64, to);
        self.iter().take(kept).for_each(|item| item.write(to));
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let len = from.len()?;
        self.clear();
        self.resize_with(len, T::default);
        self.iter_mut().try_for_each(|item| item.read(from))
    }
}

impl Field for String {
    const LAYOUT: u64 = fingerprint("text");
    fn write(&self, to: &mut Vec<u8>) {
        let kept = self.floor_char_boundary(ITEMS_MAX);
        write_varint(kept as u64, to);
        to.extend_from_slice(&self.as_bytes()[..kept]);
    }
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let text = std::str::from_utf8(from.block()?).map_err(|_| StateError::Value("text"))?;
        text.clone_into(self);
        Ok(())
    }
}
