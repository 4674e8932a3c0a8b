//! Text from a guest or a file before it reaches a log, a label or a page.

/// Bounds and escapes: at most `bytes_max` bytes out, no control, bidirectional or invisible
/// characters, invalid UTF-8 replaced, a cut marked by `…`.
pub fn printable(bytes: &[u8], bytes_max: usize) -> String {
    // Escapes only lengthen, so nothing beyond `bytes_max` input bytes can matter.
    let cut = bytes.len() > bytes_max;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(bytes_max)]);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut piece = [0; 4];
        let escaped: String;
        let piece = if hides(c) {
            escaped = c.escape_unicode().to_string();
            escaped.as_str()
        } else if c == '\n' || c == '\t' || c == '\r' {
            " "
        } else {
            &*c.encode_utf8(&mut piece)
        };
        if out.len() + piece.len() > bytes_max {
            out.push('…');
            return out;
        }
        out.push_str(piece);
    }
    if cut {
        out.push('…');
    }
    out
}

fn hides(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_escapes_and_reversed_text_do_not_pass() {
        assert_eq!(printable(b"\x1b[31mred", 99), "\\u{1b}[31mred");
        assert_eq!(printable("a\u{202e}b".as_bytes(), 99), "a\\u{202e}b");
        assert_eq!(printable(b"one\ntwo", 99), "one two");
    }

    proptest! {
        #[test]
        fn the_result_is_bounded_and_visible(bytes: Vec<u8>, max in 0usize..64) {
            let text = printable(&bytes, max);
            prop_assert!(text.len() <= max + '…'.len_utf8());
            prop_assert!(!text.chars().any(|c| c.is_control() || hides(c)));
        }
    }
}
