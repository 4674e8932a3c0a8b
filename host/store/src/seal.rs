//! A stored value's envelope: version byte, checksum, payload.
//!
//! Comes in: a payload and the number it is stored under. Goes out: sealed bytes, or the payload
//! again, or the reason why not. Deliberately absent: any idea of what the payload means.
//!
//! Layout: byte 0 is the format, bytes 1 to 8 the first eight bytes of SHA-256 over the number (big
//! endian), the format and the payload, the rest the payload. The number is in the checksum so that
//! an intact record in another's place is damage too.

use sha2::{Digest as _, Sha256};

/// The one format written today; a reader refuses a later one.
const FORMAT: u8 = 1;
const CHECK_BYTES: usize = 8;
const HEAD_BYTES: usize = 1 + CHECK_BYTES;

/// Wraps `payload` for storage under `number`.
pub(crate) fn seal(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEAD_BYTES + payload.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&check(number, payload));
    sealed.extend_from_slice(payload);
    sealed
}

/// The payload of `sealed`, where it is whole and stands under the number it was written for.
pub(crate) fn open(number: u64, sealed: &[u8]) -> Result<&[u8], String> {
    if sealed.len() < HEAD_BYTES {
        return Err(format!("{} bytes are too few", sealed.len()));
    }
    let (head, payload) = sealed.split_at(HEAD_BYTES);
    if head[0] != FORMAT {
        return Err(format!("format {} where {FORMAT} is known", head[0]));
    }
    match head[1..] == check(number, payload) {
        true => Ok(payload),
        false => Err("the checksum differs".to_owned()),
    }
}

fn check(number: u64, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(number.to_be_bytes());
    hash.update([FORMAT]);
    hash.update(payload);
    let mut out = [0; CHECK_BYTES];
    out.copy_from_slice(&hash.finalize()[..CHECK_BYTES]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_payload_comes_back_only_whole_and_in_its_own_place(
            number: u64, other: u64, payload: Vec<u8>, at: usize, bit in 0u8..8,
        ) {
            let mut sealed = super::seal(number, &payload);
            prop_assert_eq!(super::open(number, &sealed), Ok(&payload[..]));
            if other != number {
                prop_assert!(super::open(other, &sealed).is_err());
            }
            let at = at % sealed.len();
            prop_assert!(super::open(number, &sealed[..at]).is_err());
            sealed[at] ^= 1 << bit;
            prop_assert!(super::open(number, &sealed).is_err());
        }

        #[test]
        fn no_bytes_panic(number: u64, bytes: Vec<u8>) {
            let _ = super::open(number, &bytes);
        }
    }
}
