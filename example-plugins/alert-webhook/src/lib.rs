//! Posts what happens in the house to a webhook.
//!
//! Comes in: notices, fills, bars. Goes out: one JSON object each, with a `text` for chat services.
//! Deliberately absent: retries; an alert that comes late and twice is worse than the next one.

use std::fmt::Write;

use wickd_sdk::http::Request;
use wickd_sdk::prelude::*;
use wickd_sdk::{Happening, Runtime, Severity, Utility};

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Where to post.
    #[param(default = "http://127.0.0.1:8080/alert", max = 1024)]
    url: String,
}

/// The plugin.
pub struct AlertWebhook {
    config: Config,
    instruments: Vec<Instrument>,
}

impl Utility for AlertWebhook {
    type Params = Config;

    fn new(config: Config, instruments: Vec<Instrument>) -> Result<Self, Vec<Issue>> {
        match config.url.starts_with("https://") || config.url.starts_with("http://") {
            true => Ok(Self { config, instruments }),
            false => Err(issue("url", "start it with https://")),
        }
    }

    fn on_event(&mut self, _: &Runtime, event: &Happening) -> Result<(), String> {
        let posted = Request::post_json(&self.config.url, json(event, &self.instruments)).send();
        match posted.map_err(|error| error.to_string())?.status {
            200..300 => Ok(()),
            status => Err(format!("the webhook answers {status}")),
        }
    }
}

/// One event as a JSON object.
fn json(event: &Happening, instruments: &[Instrument]) -> String {
    let mut object = Object::default();
    match event {
        Happening::Notice(notice) => {
            let who = if notice.slot.is_empty() { "wickd" } else { &notice.slot };
            object.text("text", &format!("{who}: {}", notice.text));
            object.text("kind", "notice").text("code", &notice.code);
            let severity = match notice.severity {
                Severity::Info => "info",
                Severity::Warn => "warn",
                Severity::Error => "error",
            };
            object.text("severity", severity);
            for (name, value) in [
                ("slot", &notice.slot),
                ("plugin", &notice.plugin),
                ("digest", &notice.digest),
                ("place", &notice.place),
                ("fix", &notice.fix),
            ] {
                if !value.is_empty() {
                    object.text(name, value);
                }
            }
            object.number("at_ns", notice.at);
        }
        Happening::Fill { slot, event } => {
            let did = if event.side == Side::Buy { "bought" } else { "sold" };
            object.text("kind", "fill").text("slot", slot);
            object.number("instrument", event.at.instrument).number("intent", event.intent);
            // wickd names only instruments that it has listed at the start.
            if let Some(of) = of(instruments, event.at.instrument) {
                let (price, size) = (of.print_px(event.last_price), of.print_qty(event.last_size));
                let Instrument { symbol, base, quote, .. } = of;
                let text = format!("{slot}: {did} {size} {base} at {price} {quote}");
                object.text("text", &text).text("symbol", symbol).text("currency", quote);
                object.text("price", &price).text("size", &size);
            }
            object.number("at_ns", event.at.ts_event);
        }
        Happening::Bar(bar) => {
            object.text("kind", "bar").number("instrument", bar.at.instrument);
            object.number("step_secs", bar.step_secs);
            if let Some(of) = of(instruments, bar.at.instrument) {
                let (close, secs) = (of.print_px(bar.close), bar.step_secs);
                let Instrument { symbol, quote, .. } = of;
                let text = format!("bar of {secs} s of {symbol} closed at {close} {quote}");
                object.text("text", &text).text("symbol", symbol).text("currency", quote);
                object.text("close", &close);
            }
            object.number("at_ns", bar.at.ts_event);
        }
    }
    object.0.push('}');
    object.0
}

fn of(instruments: &[Instrument], id: InstrumentId) -> Option<&Instrument> {
    instruments.iter().find(|instrument| instrument.id == id)
}

/// A JSON object as it grows.
#[derive(Default)]
struct Object(String);

impl Object {
    fn name(&mut self, name: &str) {
        self.0.push_str(if self.0.is_empty() { "{\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn number(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{value}");
        self
    }

    fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.0.push('"');
        for c in value.chars() {
            let _ = match c {
                '"' | '\\' => write!(self.0, "\\{c}"),
                c if c.is_control() => write!(self.0, "\\u{:04x}", u32::from(c)),
                c => write!(self.0, "{c}"),
            };
        }
        self.0.push('"');
        self
    }
}

wickd_sdk::export_utility!(AlertWebhook);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

    use super::*;
    use wickd_sdk::Notice;
    use wickd_sdk::http::{Error, Response, answer_with, sent};

    fn notice(text: &str) -> Happening {
        Happening::Notice(Notice {
            at: 7,
            code: "fault".into(),
            severity: Severity::Error,
            slot: "one".into(),
            plugin: String::new(),
            digest: String::new(),
            place: String::new(),
            text: text.into(),
            fix: String::new(),
        })
    }

    fn tell(event: &Happening) -> Result<(), String> {
        let config = Config { url: "https://hooks.example.org/x".into() };
        let mut plugin = AlertWebhook::new(config, Vec::new()).map_err(|_| "refused").unwrap();
        plugin.on_event(&wickd_sdk::testing::runtime(1), event)
    }

    #[test]
    fn a_notice_is_posted_as_one_object_whatever_it_says() {
        answer_with(|_| Ok(Response { status: 204, headers: Vec::new(), body: Vec::new() }));
        tell(&notice("a \"quoted\"\nline\\")).unwrap();
        let sent = sent();
        assert_eq!((sent.len(), sent[0].method.as_str()), (1, "POST"));
        assert_eq!(
            String::from_utf8_lossy(&sent[0].body),
            r#"{"text":"one: a \"quoted\"\u000aline\\","kind":"notice","code":"fault","severity":"error","slot":"one","at_ns":7}"#
        );
    }

    #[test]
    fn prices_are_posted_as_decimals_with_their_symbol_and_currency() {
        let btc = wickd_sdk::testing::btc_usdt();
        let (close, instrument) = (btc.parse_px("39463.5").unwrap(), btc.id);
        let bar = Bar { close, ..bar(instrument) };
        let text = json(&Happening::Bar(bar), &[btc]);
        assert!(
            text.contains(r#""text":"bar of 60 s of BTC-USDT closed at 39463.50 USDT""#),
            "{text}"
        );
        assert!(text.contains(r#""currency":"USDT","close":"39463.50""#), "{text}");
    }

    fn bar(instrument: InstrumentId) -> Bar {
        Bar {
            at: wickd_sdk::Stamp { instrument, seq: 1, ts_event: 7, ts_init: 7 },
            step_secs: 60,
            open_time: 0,
            open: Px(1),
            high: Px(1),
            low: Px(1),
            close: Px(1),
            volume: Qty(1),
            trades: 1,
        }
    }

    #[test]
    fn what_does_not_arrive_is_an_error() {
        assert!(tell(&notice("x")).unwrap_err().contains("not granted"));
        answer_with(|_| Ok(Response { status: 500, headers: Vec::new(), body: Vec::new() }));
        assert_eq!(tell(&notice("x")).unwrap_err(), "the webhook answers 500");
        answer_with(|_| Err(Error::Failed("gone".into())));
        assert_eq!(tell(&notice("x")).unwrap_err(), "gone");
    }

    #[test]
    fn an_address_that_is_none_is_refused_at_the_start() {
        assert!(AlertWebhook::new(Config { url: "ftp://x".into() }, Vec::new()).is_err());
    }
}
