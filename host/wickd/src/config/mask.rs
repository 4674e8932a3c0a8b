//! Secrets that stand in a configuration by mistake, covered before a line of it is shown.
//!
//! Comes in: the text. Goes out: the same text, byte for byte as long, with the values of keys that sound
//! like secrets covered, and what a terminal would act on. Deliberately absent: YAML; a text with faults is shown too.

/// What the name of a secret has in it, letters only.
const WORDS: [&str; 8] =
    ["secret", "passphrase", "password", "passwd", "token", "apikey", "privatekey", "credential"];

/// Covers what sounds like a secret. Lines and bytes stay where they are, so places still fit.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    // A block of text under a secret's key goes on while lines are indented further than the key.
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        match block {
            Some(of) if line.trim().is_empty() || indent > of => {
                cover(line, &mut masked);
                continue;
            }
            _ => block = None,
        }
        let mut shown = 0;
        while let Some((start, end)) = next_value(line, shown) {
            masked.push_str(&line[shown..start]);
            let value = line[start..end].trim();
            if value.is_empty() || value.starts_with(['|', '>']) {
                block = Some(indent);
            }
            cover(&line[start..end], &mut masked);
            shown = end;
        }
        masked.push_str(&line[shown..]);
    }
    harmless(&masked)
}

/// Without what moves a terminal's cursor or turns its text around.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let acts = c.is_control() && !['\n', '\t'].contains(&c);
        let turns = matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match acts || turns {
            true => (0..c.len_utf8()).for_each(|_| shown.push('?')),
            false => shown.push(c),
        }
    }
    shown
}

/// Where the next secret's value stands in a line, from byte `from` on.
fn next_value(line: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(colon) = line[at..].find(':').map(|found| at + found) {
        let key = line[..colon].rsplit([',', '{', '[', ' ', ':']).next().unwrap_or_default();
        at = colon + 1;
        if is_secret(key) {
            let rest = &line[at..];
            let quote = rest.trim_start().chars().next().filter(|of| ['"', '\''].contains(of));
            let len = match quote {
                // To its end, or of the line where it has none.
                Some(quote) => {
                    let open = rest.find(quote).unwrap_or(0) + 1;
                    rest[open..].find(quote).map_or(rest.len(), |end| open + end + 1)
                }
                None => rest.find([',', '}', '\n']).unwrap_or(rest.len()),
            };
            return Some((at, at + len));
        }
    }
    None
}

fn is_secret(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    letters == "key" || WORDS.iter().any(|word| letters.contains(word))
}

fn cover(text: &str, into: &mut String) {
    for c in text.chars() {
        match c.is_whitespace() {
            true => into.push(c),
            false => (0..c.len_utf8()).for_each(|_| into.push('*')),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_keys_that_sound_like_secrets_are_covered_and_others_stay() {
        let text = "venues:\n  b: {key: abc, secret: 'x, y', plugin: binance}\n  api_key: zzz\n";
        let shown = masked(text);
        assert_eq!(
            shown,
            "venues:\n  b: {key: ***, secret: *** **, plugin: binance}\n  api_key: ***\n"
        );
        let block = "private_key: |\n  -----BEGIN\n  abc\nlanes: 1\n";
        assert_eq!(masked(block), "private_key: *\n  **********\n  ***\nlanes: 1\n");
        assert_eq!(masked("passphrase: \"open"), "passphrase: *****");
        assert_eq!(masked("lanes: \u{1b}[2J\u{202e}1"), "lanes: ?[2J???1");
    }

    proptest! {
        #[test]
        fn places_stay_and_no_value_is_left(text in "[ -~\\n]{0,60}", value in "[A-Z]{8}") {
            prop_assert_eq!(masked(&text).len(), text.len());
            let line = format!("{text}\nsecret: {value}\n");
            prop_assert!(!masked(&line).contains(&value));
        }
    }
}
