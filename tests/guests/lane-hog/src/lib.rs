//! Does one kind of work as often as it is told, wherever it is told: for an event, in timers of the
//! past, for news of an order, in `save`. Expected: whatever the work is, its slot is late, then
//! muted, then given up, or fails; its neighbours on the lane get every event.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Instant, SystemTime};

use wickd_rude::{
    Domain, Entry, Input, Instrument, InstrumentId, IntRange, Issue, Level, Needs, OrderEvent,
    Rude, Side, Source, Spec, Stamp, TsNs, Value, inputs, needs, order, runtime, trading,
};

/// What the test sets.
#[derive(Clone, Default)]
struct Config {
    /// The work; see [`work`].
    work: String,
    /// How often in one call.
    times: i64,
    /// Where: `event`, `timer`, `order` or `save`.
    at: String,
    /// Timers of the past set at each event.
    timers: i64,
    /// Inputs it has.
    inputs: i64,
    /// The plugin behind each of them.
    input: String,
    /// Its parameter `period`, one more for each of them.
    period: i64,
    instrument: InstrumentId,
}

thread_local! {
    static CONFIG: RefCell<Config> = RefCell::default();
}

/// The guest.
pub struct LaneHog;

/// What comes of the work is needed by nobody, which the compiler must not know.
fn sink<T>(value: T) {
    let _ = black_box(value);
}

/// Works, where this is the place for it.
#[allow(clippy::print_stdout, reason = "the attack")]
fn work(place: &str) {
    let config = CONFIG.with_borrow(Clone::clone);
    if config.at != place {
        return;
    }
    let text = match config.work.as_str() {
        "metric-long" => "n".repeat(64),
        "log-long" | "print-long" => "x".repeat(1 << 10),
        "log-longest" => "y".repeat(32 << 10),
        _ => String::new(),
    };
    for turn in 0..config.times.cast_unsigned() {
        match config.work.as_str() {
            "burn" => (0..100u64).for_each(|n| sink(n.wrapping_mul(turn))),
            "memory" => sink(vec![turn as u8; 64 << 10]),
            "log" => runtime::log(Level::Info, "x"),
            "log-long" | "log-longest" => runtime::log(Level::Info, &text),
            "metric" => runtime::metric("n", turn as f64),
            "metric-long" => runtime::metric(&text, turn as f64),
            "metric-many" => runtime::metric(&format!("n{}", turn % 64), turn as f64),
            "now" => sink(runtime::now()),
            "position" => sink(trading::position_of(config.instrument)),
            "submit" => sink(trading::submit(order(config.instrument, Side::Buy, 10))),
            "denied" => sink(trading::submit(order(config.instrument, Side::Buy, -1))),
            "cancel" => sink(trading::cancel(turn)),
            "cancel-all" => sink(trading::cancel_all()),
            "timer" => sink(trading::set_timer(turn as u32 % 64, u64::MAX - turn)),
            "clear" => trading::clear_timer(turn as u32),
            "input" => sink((inputs::ready(0), inputs::value(0, 0))),
            "print" => println!("x"),
            "print-long" => println!("{text}"),
            "clock" => sink((Instant::now(), SystemTime::now())),
            "arguments" => sink(std::env::args().count()),
            "nothing" => {}
            other => panic!("there is no work `{other}`"),
        }
    }
}

fn spec(key: &str, domain: Domain, default: Value) -> Spec {
    let description = "See the fields of `Config`.".to_owned();
    Spec { key: key.to_owned(), description, domain, default }
}

fn text(key: &str, default: &str) -> Spec {
    spec(key, Domain::Text(32), Value::Text(default.to_owned()))
}

fn number(key: &str, default: i64, max: i64) -> Spec {
    let domain = Domain::Integer(IntRange { min: 0, max, step: 1 });
    spec(key, domain, Value::Integer(default))
}

impl Rude for LaneHog {
    fn schema() -> Vec<Spec> {
        vec![
            text("work", "burn"),
            number("times", 1_000, 100_000_000),
            text("at", "event"),
            number("timers", 0, 64),
            number("inputs", 0, 16),
            text("input", "rsi"),
            number("period", 14, 100_000),
        ]
    }

    fn init(config: Vec<Entry>, instruments: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        let mut of = Config { instrument: instruments[0].id, ..Config::default() };
        for Entry { key, value } in config {
            match (key.as_str(), value) {
                ("work", Value::Text(text)) => of.work = text,
                ("at", Value::Text(text)) => of.at = text,
                ("input", Value::Text(text)) => of.input = text,
                ("times", Value::Integer(number)) => of.times = number,
                ("timers", Value::Integer(number)) => of.timers = number,
                ("inputs", Value::Integer(number)) => of.inputs = number,
                ("period", Value::Integer(number)) => of.period = number,
                (other, _) => panic!("there is no parameter `{other}`"),
            }
        }
        let input = |number: i64| Input {
            plugin: of.input.clone(),
            instrument: of.instrument,
            source: Source::Mid,
            params: vec![Entry {
                key: "period".to_owned(),
                value: Value::Integer(of.period + number),
            }],
        };
        let inputs = (0..of.inputs).map(input).collect();
        CONFIG.set(of);
        Ok(Needs { inputs, ..needs() })
    }

    fn tick(at: Stamp) {
        let (timers, place) = CONFIG.with_borrow(|of| (of.timers, of.at.clone()));
        (0..timers).for_each(|id| sink(trading::set_timer(id as u32, 1)));
        if place == "order" {
            sink(trading::submit(order(at.instrument, Side::Buy, 10)));
        }
        work("event");
    }

    fn on_timer(_: u32, _: TsNs) {
        work("timer");
    }

    fn on_order(_: OrderEvent) {
        work("order");
    }

    fn state_version() -> u32 {
        1
    }

    fn save() -> Vec<u8> {
        work("save");
        vec![1]
    }
}

wickd_rude::export!(LaneHog);
