//! Claims about CSV rows.

use std::io::Cursor;

use proptest::prelude::*;
use wickd_model::print_scaled;

use super::*;

const MEANING: Meaning = Meaning {
    instrument: 3,
    price_scale: 2,
    size_scale: 6,
    bar_secs: 60,
    float_noise: FloatNoise::Refuse,
    time_unit: TimeUnit::Ns,
};

fn read(text: &[u8], meaning: Meaning) -> Vec<Result<Event, String>> {
    let said = |error| match error {
        RowError::Broken(row) => row.to_string(),
        RowError::Read(error) => error.to_string(),
    };
    let mut rows = match Rows::open(Cursor::new(text), "a.csv", meaning) {
        Ok(rows) => rows,
        Err(error) => return vec![Err(said(error))],
    };
    std::iter::from_fn(|| rows.next().transpose()).map(|row| row.map_err(said)).collect()
}

fn row(layout: Layout, row: &str) -> Result<Event, String> {
    read(format!("{}\n{row}\n", layout.header()).as_bytes(), MEANING).remove(0)
}

#[test]
fn each_layout_gives_its_event_exactly() {
    let at = Stamp { instrument: 3, seq: 0, ts_event: 120_000_000_000, ts_init: 120_000_000_000 };
    assert_eq!(
        row(Layout::Quotes, "120000000000,39432.99,39433.6,0.0031,2"),
        Ok(Event::Quote(Quote {
            at,
            bid: 3_943_299,
            ask: 3_943_360,
            bid_qty: 3_100,
            ask_qty: 2_000_000
        }))
    );
    assert_eq!(
        row(Layout::Trades, "120000000000,39432.48,0.000263,sell,7"),
        Ok(Event::Trade(Trade {
            at,
            price: 3_943_248,
            size: 263,
            aggressor: Aggressor::Seller,
            trade_id: 7
        }))
    );
    assert_eq!(
        row(Layout::Bars, "60000000000,2,3.5,1,2.25,10"),
        Ok(Event::Bar(Bar {
            at,
            step_secs: 60,
            open_time: 60_000_000_000,
            open: 200,
            high: 350,
            low: 100,
            close: 225,
            volume: 10_000_000,
            trades: 0
        })),
        "a bar's event time is its close"
    );
}

#[test]
fn a_broken_row_is_told_by_file_line_column_text_reason_and_fix() {
    let mend = "mend the row, or set `on_broken_row: skip`";
    let table = [
        (Layout::Quotes, "1,2,3,4", format!("a.csv:2:1: 4 columns where 5 must stand (`1,2,3,4`); {mend}")),
        (Layout::Quotes, "", format!("a.csv:2:1: an empty row (``); {mend}")),
        (Layout::Quotes, "1,2,x,4,5", format!("a.csv:2:5: not a plain decimal number (digits and one dot, no exponent) (`x`); {mend}")),
        (Layout::Quotes, "1,3,2,4,5", format!("a.csv:2:3: the bid is above the ask (`3`); {mend}")),
        (Layout::Quotes, "1,0,2,4,5", format!("a.csv:2:3: a price must be above zero (`0`); {mend}")),
        (Layout::Quotes, "1,1,2,-4,5", format!("a.csv:2:7: a size below 0 (`-4`); {mend}")),
        (Layout::Quotes, "1.0,1,2,4,5", format!("a.csv:2:1: not a time as a whole number (`1.0`); {mend}")),
        (Layout::Quotes, "+1,1,2,4,5", format!("a.csv:2:1: not a time as a whole number (`+1`); {mend}")),
        (Layout::Trades, "1,2,0,buy,1", format!("a.csv:2:5: a size below 1 (`0`); {mend}")),
        (Layout::Trades, "1,2,1,bought,1", format!("a.csv:2:7: the aggressor is neither buy, sell nor none (`bought`); {mend}")),
        (Layout::Trades, "1,2,1,\u{1b}[2J,1", format!("a.csv:2:7: the aggressor is neither buy, sell nor none (`\\u{{1b}}[2J`); {mend}")),
        (Layout::Trades, "1,2.001,1,buy,1", "a.csv:2:3: more than 2 decimals (`2.001`); check the instrument's scales; if a float wrote it, set `float_noise: round`".to_owned()),
        (Layout::Bars, "60000000000,2,1,1,2,10", format!("a.csv:2:15: open or close lies outside low to high (`1`); {mend}")),
        (Layout::Bars, "61000000000,2,3,1,2,10", "a.csv:2:1: no bar of 60 s opens then (`61000000000`); set `bar_secs` to the length of the file's bars".to_owned()),
        (Layout::Bars, "18446744040000000000,2,3,1,2,10", format!("a.csv:2:1: the bar would close after the end of time (`18446744040000000000`); {mend}")),
    ];
    for (layout, text, want) in table {
        assert_eq!(row(layout, text), Err(want), "{text}");
    }
}

#[test]
fn reading_goes_on_behind_a_broken_row_and_time_may_not_run_backwards() {
    let long = "9".repeat(5_000);
    let text = format!(
        "{}\r\n5,1,2,1,1\r\n4,1,2,1,1\n{long}\n5,1,2,1,1\n\n6,1,2,1,1\n",
        Layout::Quotes.header()
    );
    let outcomes = read(text.as_bytes(), MEANING);
    let times: Vec<_> = outcomes.iter().flatten().map(|event| event.at().ts_event).collect();
    assert_eq!(times, [5, 5, 6]);
    let told: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(told[0].starts_with("a.csv:3:1: time runs backwards"), "{}", told[0]);
    assert!(told[1].starts_with("a.csv:4:1: a row of more than 512 bytes"), "{}", told[1]);
    assert!(told[1].len() < 300 && told[2].starts_with("a.csv:6:1: an empty row"));
}

#[test]
fn an_unknown_header_names_the_known_ones() {
    for text in ["", "ts,bid,ask\n1,2,3\n", "\u{0}\u{1}"] {
        let told = read(text.as_bytes(), MEANING).remove(0).unwrap_err();
        let what = if text.is_empty() { "the file is empty" } else { "no known header" };
        assert!(told.contains(what) && told.contains("ts_ns,price,size"), "{told}");
    }
    let bom = format!("\u{feff}{}\n1,1,2,1,1\n", Layout::Quotes.header());
    assert!(read(bom.as_bytes(), MEANING)[0].is_ok());
}

#[test]
fn the_noise_of_a_float_is_taken_off_where_it_was_allowed_and_nothing_else_is() {
    let table = [
        ("0.00031099999999999997", Some(311)),
        ("3.2909330000000003", Some(3_290_933)),
        ("0.9999999999999999", Some(1_000_000)),
        ("-0.014595999999999999", Some(-14_596)),
        ("0.0003115", None),
        ("0.00031150000000", None),
        ("0.000311999", None),
        ("0.000311000000x", None),
        ("9223372036854.7758079999999", None),
    ];
    for (text, want) in table {
        assert_eq!(denoised(text, 6), want, "{text}");
    }
    let meaning = Meaning { float_noise: FloatNoise::Round, ..MEANING };
    let text = format!("{}\n1,2,0.00031099999999999997,buy,1\n", Layout::Trades.header());
    assert!(matches!(read(text.as_bytes(), meaning)[0], Ok(Event::Trade(t)) if t.size == 311));
    assert!(read(text.as_bytes(), MEANING)[0].as_ref().is_err_and(|e| e.contains("float_noise")));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_every_message_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for layout in Layout::ALL {
            let mut text = layout.header().as_bytes().to_vec();
            text.push(b'\n');
            text.extend(&bytes);
            for told in read(&text, MEANING).into_iter().filter_map(Result::err) {
                prop_assert!(told.len() < 400 && !told.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn what_was_printed_is_read_back(ts in 0u64.., bid in 1i64..i64::MAX, up in 0i64..99, sizes: (u32, u32)) {
        let ask = bid.saturating_add(up);
        let (bid_qty, ask_qty) = (i64::from(sizes.0), i64::from(sizes.1));
        let text = format!(
            "{ts},{},{},{},{}",
            print_scaled(bid, 2), print_scaled(ask, 2), print_scaled(bid_qty, 6), print_scaled(ask_qty, 6)
        );
        let at = Stamp { instrument: 3, seq: 0, ts_event: ts, ts_init: ts };
        prop_assert_eq!(row(Layout::Quotes, &text), Ok(Event::Quote(Quote { at, bid, ask, bid_qty, ask_qty })));
    }

    #[test]
    fn what_a_double_prints_for_a_sum_is_the_decimal_it_stands_for(a in 1u32..10_000_000, b in 1u32..10_000_000) {
        // Floats appear here as what makes such files, not in the code under test.
        let sum = f64::from(a) / 1e6 + f64::from(b) / 1e6;
        let text = format!("{sum:?}");
        let want = i64::from(a) + i64::from(b);
        let got = parse_scaled(&text, 6).ok().or_else(|| denoised(&text, 6));
        prop_assert_eq!(got, Some(want), "{}", text);
    }
}

#[test]
fn a_time_in_another_unit_is_refused_with_the_unit_to_set() {
    let quote = "39000.00,39000.50,1.5,2";
    for (time, unit) in [("1735689600", "s"), ("1735689600000", "ms"), ("1735689600000000", "us")] {
        let error = row(Layout::Quotes, &format!("{time},{quote}")).unwrap_err();
        assert!(error.contains(&format!("time_unit: {unit}")), "{error}");
    }
}

#[test]
fn a_time_is_read_in_the_unit_that_was_set_and_in_no_other() {
    for (name, unit) in TimeUnit::NAMES {
        let time = 1_735_689_600_000_000_000 / unit.in_ns();
        let text = format!("{}\n{time},39000.00,39000.50,1.5,2\n", Layout::Quotes.header());
        let event = read(text.as_bytes(), Meaning { time_unit: unit, ..MEANING }).remove(0);
        assert_eq!(event.unwrap().at().ts_event, 1_735_689_600_000_000_000, "{name}");
        let other = if unit == TimeUnit::Ns { TimeUnit::S } else { TimeUnit::Ns };
        let wrong = read(text.as_bytes(), Meaning { time_unit: other, ..MEANING }).remove(0);
        assert!(wrong.unwrap_err().contains(&format!("`time_unit: {name}`")));
    }
}

#[test]
fn a_trade_that_was_delivered_twice_is_not_counted_twice() {
    let trade = "1735689600000000000,39000.90,0.010000,buy,1099";
    let text = format!("{}\n{trade}\n{trade}\n", Layout::Trades.header());
    let rows = read(text.as_bytes(), MEANING);
    assert!(rows[0].is_ok());
    assert!(rows[1].as_ref().unwrap_err().contains("trade 1099 stands in this file a second time"));
}

#[test]
fn a_last_row_that_may_be_cut_off_is_not_taken() {
    let rows = format!("{}\n1735689600000000000,250.00,250", Layout::Quotes.header());
    for cut in [rows.clone(), format!("{rows}.10,1,2")] {
        let outcome = read(cut.as_bytes(), MEANING);
        assert!(outcome[0].as_ref().unwrap_err().contains("ends within this row"), "{outcome:?}");
        assert_eq!(outcome.len(), 1);
    }
}
