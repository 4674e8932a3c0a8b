//! One guest at a time, without a house: whatever it does ends in its own fault, which says what its
//! author needs. Nothing reaches out. The limits on what a guest holds are in `limits.rs`.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wickd_model::{Fault, FaultKind, Limits, Sample, World};
use wickd_sandbox::{IndicatorGuest, SignalGuest, StrategyGuest};
use wickd_tests::{Desk, Guest, btc_usdt, instantiate, quote, runtime, strategy, trade};

/// Ticks until the guest fails; at most so many.
fn fails(guest: &mut Guest, ticks_max: u64) -> Fault {
    let fault = (1..=ticks_max).find_map(|seq| guest.on_quote(quote(seq)).err());
    *fault.expect("the guest fails")
}

/// Ticks that must all go well.
fn lives(guest: &mut Guest, ticks: u64) {
    for seq in 1..=ticks {
        guest.on_quote(quote(seq)).expect("the guest lives");
    }
}

/// What holds for every fault, whatever its kind.
fn is_told_well(fault: &Fault, limits: &Limits) {
    assert!(fault.fuel_used <= fault.fuel_limit, "{fault:?}");
    assert!(fault.memory_bytes <= limits.memory_bytes, "{fault:?}");
    assert_eq!(fault.memory_limit_bytes, limits.memory_bytes);
    assert!(fault.message.len() <= 512 && !fault.message.is_empty());
    let texts = fault.backtrace.iter().map(|frame| &frame.function);
    for text in texts.chain(&fault.panic_text).chain([&fault.message]) {
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
    }
}

fn names_a_frame(fault: &Fault, part: &str) {
    let found = fault.backtrace.iter().any(|frame| frame.function.contains(part));
    assert!(found, "no frame with `{part}` in {:#?}", fault.backtrace);
}

#[test]
fn a_panic_is_told_with_its_text_and_its_place() {
    let limits = Limits::default();
    let mut guest = strategy("panics", &limits);
    lives(&mut guest, 4);
    let fault = fails(&mut guest, 1);
    is_told_well(&fault, &limits);
    assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::Panic, "on-quote"));
    let text = fault.panic_text.as_deref().unwrap_or_default();
    assert!(text.contains("the fifth tick is one too many"), "{text}");
    assert!(text.contains("lib.rs"), "{text}");
    names_a_frame(&fault, "panics::");
}

#[test]
fn an_instance_that_failed_is_never_entered_again() {
    let mut guest = strategy("panics", &Limits::default());
    let first = fails(&mut guest, 5);
    let again = guest.on_trade(trade(6)).expect_err("it is dead");
    assert_eq!(again.kind, FaultKind::BadValue);
    assert!(again.message.contains("not entered again"), "{}", again.message);
    assert_eq!(again.fuel_used, first.fuel_used, "no fuel was used since");
    assert!(guest.save().is_err() && guest.stop().is_err());
}

#[test]
fn an_endless_tick_ends_with_its_fuel() {
    let limits = Limits { deadline_ms: 10_000, ..Limits::default() };
    let fault = fails(&mut strategy("spin", &limits), 1);
    is_told_well(&fault, &limits);
    assert_eq!((fault.kind, fault.fuel_limit), (FaultKind::OutOfFuel, 1_000_000));
    names_a_frame(&fault, "spin::");
}

#[test]
fn an_endless_tick_with_fuel_for_ever_ends_at_its_deadline() {
    let limits = Limits { deadline_ms: 5, fuel_per_call: 10_000_000_000, ..Limits::default() };
    let mut guest = strategy("spin", &limits);
    let started = std::time::Instant::now();
    let fault = fails(&mut guest, 1);
    // No timed claim on a busy machine: only that it ended long before its fuel would have.
    assert!(started.elapsed().as_secs() < 5);
    is_told_well(&fault, &limits);
    assert_eq!(fault.kind, FaultKind::Late);
}

#[test]
fn an_endless_init_ends_with_its_fuel() {
    let limits = Limits { fuel_per_cold_call: 1_000_000, ..Limits::default() };
    let loaded = instantiate("spin-init", World::Strategy);
    let made = StrategyGuest::new(runtime(), &loaded, Desk::default(), &limits, 7);
    let mut guest = made.expect("a strategy").expect("it starts");
    let fault = guest.init(&[], &[btc_usdt()]).expect_err("it never returns");
    is_told_well(&fault, &limits);
    assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::OutOfFuel, "init"));
}

#[test]
fn an_endless_constructor_ends_with_its_fuel() {
    let limits = Limits { fuel_per_cold_call: 1_000_000, ..Limits::default() };
    let loaded = instantiate("spin-start", World::Strategy);
    let made = StrategyGuest::new(runtime(), &loaded, Desk::default(), &limits, 7);
    let fault = match made.expect("a strategy") {
        Err(fault) => fault,
        Ok(mut guest) => guest.schema().expect_err("it never returns"),
    };
    is_told_well(&fault, &limits);
    assert_eq!(fault.kind, FaultKind::OutOfFuel);
}

#[test]
fn memory_never_passes_its_limit() {
    // Enough fuel to take it all.
    let limits = Limits {
        fuel_per_call: 1_000_000_000,
        deadline_ms: 10_000,
        memory_bytes: 4 << 20,
        ..Limits::default()
    };
    for name in ["memory-bomb", "leak"] {
        let fault = fails(&mut strategy(name, &limits), 1_000);
        is_told_well(&fault, &limits);
        assert_eq!(fault.kind, FaultKind::Memory, "{name}: {fault}");
        assert!(fault.memory_bytes > 2 << 20, "it took what it could: {}", fault.memory_bytes);
    }
}

#[test]
fn endless_recursion_ends_on_the_guest_stack() {
    let limits = Limits::default();
    let fault = fails(&mut strategy("recursion", &limits), 1);
    is_told_well(&fault, &limits);
    assert_eq!(fault.kind, FaultKind::Stack);
    names_a_frame(&fault, "deeper");
    assert!(fault.backtrace.len() <= 20);
}

#[test]
fn a_bad_pointer_and_a_division_by_zero_trap() {
    let limits = Limits::default();
    let fault = fails(&mut strategy("bad-pointer", &limits), 1);
    is_told_well(&fault, &limits);
    assert_eq!(fault.kind, FaultKind::Trap);
    let fault = fails(&mut strategy("unreachable", &limits), 1);
    is_told_well(&fault, &limits);
    assert_eq!(fault.kind, FaultKind::Panic);
    assert!(fault.panic_text.as_deref().unwrap_or_default().contains("divide by zero"));
}

#[test]
fn a_string_beyond_its_share_is_not_copied() {
    let limits = Limits { fuel_per_call: 100_000_000, ..Limits::default() };
    let mut guest = strategy("huge-list", &limits);
    let fault = fails(&mut guest, 1);
    is_told_well(&fault, &limits);
    assert_eq!(fault.kind, FaultKind::BadValue, "{fault}");
    assert!(guest.take_log().0.is_empty());
}

#[test]
fn a_state_beyond_its_limit_is_not_taken() {
    let limits = Limits::default();
    let mut guest = strategy("huge-state", &limits);
    lives(&mut guest, 3);
    let fault = guest.save().expect_err("it is too large");
    is_told_well(&fault, &limits);
    assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::BadValue, "save"), "{fault}");
    // With room for it the same state is taken.
    let limits = Limits { state_bytes: 8 << 20, ..Limits::default() };
    assert_eq!(strategy("huge-state", &limits).save().map(|state| state.len()), Ok(4 << 20));
}

#[test]
fn a_trap_in_save_and_in_restore_names_the_call() {
    let limits = Limits::default();
    let fault = strategy("trap-save", &limits).save().expect_err("it panics");
    assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::Panic, "save"));
    assert!(fault.panic_text.as_deref().unwrap_or_default().contains("my state is mine"));
    let fault = strategy("trap-restore", &limits).restore(1, b"abc").expect_err("it panics");
    assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::Panic, "restore"));
    assert!(fault.panic_text.as_deref().unwrap_or_default().contains("3 bytes of somebody"));
}

#[test]
fn a_refused_state_is_an_answer_with_its_reason_escaped() {
    let mut guest = strategy("refuse-restore", &Limits::default());
    let reason = guest.restore(9, b"abc").expect("no fault").expect_err("refused");
    assert!(reason.contains("version 9 pleases me"), "{reason}");
    assert!(!reason.chars().any(char::is_control), "{reason:?}");
    lives(&mut guest, 3);
}

#[test]
fn waiting_is_a_fault_and_takes_no_time() {
    let limits = Limits::default();
    let mut guest = strategy("sleeper", &limits);
    let started = std::time::Instant::now();
    let fault = fails(&mut guest, 1);
    assert!(started.elapsed().as_secs() < 30, "it slept in the host");
    is_told_well(&fault, &limits);
    assert!(fault.message.contains("may not wait"), "{}", fault.message);
}

#[test]
fn a_log_flood_keeps_its_budget_and_counts_the_rest() {
    let limits = Limits {
        fuel_per_call: 100_000_000,
        host_call_bytes: 64 << 20,
        log_bytes_per_second: 10_000,
        log_line_bytes: 100,
        ..Limits::default()
    };
    let mut guest = strategy("log-flood", &limits);
    lives(&mut guest, 3);
    let (lines, dropped) = guest.take_log();
    let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
    assert!(bytes <= 10_000 && lines.len() <= 64, "{} lines, {bytes} bytes", lines.len());
    assert_eq!(lines.len() as u64 + dropped, 3_000);
}

#[test]
fn gauges_are_bounded_and_are_numbers() {
    let limits = Limits { fuel_per_call: 1_000_000_000, deadline_ms: 10_000, ..Limits::default() };
    let mut guest = strategy("metric-flood", &limits);
    lives(&mut guest, 2);
    assert_eq!(guest.metrics().len(), 32);
    assert!(
        guest
            .metrics()
            .iter()
            .all(|(name, value)| { value.is_finite() && name.starts_with("gauge-") })
    );
}

#[test]
fn hostile_text_is_escaped_wherever_it_goes() {
    let limits = Limits::default();
    let mut guest = strategy("escapes", &limits);
    let fault = fails(&mut guest, 1);
    is_told_well(&fault, &limits);
    let text = fault.panic_text.as_deref().unwrap_or_default();
    assert!(text.contains("\\u{1b}[2J\\u{202e}evil"), "{text}");
    // The lines of a failed call are told with the failure, and not once more.
    let said = fault.log.iter().map(|line| &line.text);
    let said = said.chain(guest.metrics().iter().map(|(name, _)| name));
    for text in said {
        assert!(!text.chars().any(char::is_control) && !text.contains('\u{202e}'), "{text:?}");
    }
    assert!(fault.log.len() > 1, "logged, and printed: {:?}", fault.log);
    assert_eq!((guest.take_log().0.len(), guest.metrics().len()), (0, 1));
}

#[test]
fn wasi_gives_event_time_and_seeded_numbers_and_nothing_else() {
    let look = |seed| {
        let loaded = instantiate("snoop", World::Strategy);
        let limits = Limits { fuel_per_call: 100_000_000, ..Limits::default() };
        let made = StrategyGuest::new(runtime(), &loaded, Desk::default(), &limits, seed);
        let mut guest = made.expect("a strategy").expect("it starts");
        guest.init(&[], &[btc_usdt()]).expect("init returns").expect("no complaint");
        lives(&mut guest, 1);
        let lines = guest.take_log().0;
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    let seen = look(7);
    let value = |name: &str| {
        let found = seen.iter().find_map(|line| line.strip_prefix(&format!("{name}=")));
        found.unwrap_or_else(|| panic!("no `{name}` in {seen:?}"))
    };
    assert_eq!(value("clock"), quote(1).at.ts_event.to_string());
    assert_eq!((value("elapsed"), value("variables"), value("arguments")), ("0", "0", "0"));
    assert_eq!(seen.iter().filter(|line| line.ends_with("=true")).collect::<Vec<_>>(), [""; 0]);
    assert!(seen.len() > 20, "it looked everywhere: {seen:?}");
    assert_eq!(seen, look(7), "the same seed gives the same numbers");
    assert_ne!(seen, look(8), "and another seed others");
}

#[test]
fn inputs_and_warm_up_beyond_their_bounds_are_refused_in_init() {
    for (name, part) in [("wants-inputs", "1000 inputs"), ("wants-past", "4294967295 warm-up")] {
        let loaded = instantiate(name, World::Strategy);
        // With the default share of a host call, a thousand inputs do not even come across.
        let limits = Limits { host_call_bytes: 1 << 20, ..Limits::default() };
        let made = StrategyGuest::new(runtime(), &loaded, Desk::default(), &limits, 7);
        let mut guest = made.expect("a strategy").expect("it starts");
        let fault = guest.init(&[], &[btc_usdt()]).expect_err("too much");
        assert_eq!(fault.kind, FaultKind::BadValue);
        assert!(fault.message.contains(part), "{}", fault.message);
    }
}

#[test]
fn an_indicator_that_gives_no_number_fails() {
    let loaded = instantiate("nan-indicator", World::Indicator);
    for output in [0, 1] {
        let limits = Limits::default();
        let made = IndicatorGuest::new(runtime(), &loaded, Desk::default(), &limits, 7);
        let mut guest = made.expect("an indicator").expect("it starts");
        guest.create(&[]).expect("create returns").expect("no complaint");
        let sample =
            Sample { ts_event: 1, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
        assert_eq!(guest.update(0, sample), Ok(true));
        let fault = guest.value(0, output).expect_err("no number");
        assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::BadValue, "value"));
    }
}

#[test]
fn a_signal_out_of_range_is_not_emitted() {
    let loaded = instantiate("nan-signal", World::Signal);
    let limits = Limits::default();
    let made = SignalGuest::new(runtime(), &loaded, Desk::default(), &limits, 7);
    let mut guest = made.expect("a signal").expect("it starts");
    guest.init(&[], &[btc_usdt()]).expect("init returns").expect("no complaint");
    guest.on_quote(quote(1)).expect("it lives");
    let taken = guest.metrics().iter().find(|(name, _)| name == "bad-taken");
    assert_eq!(taken.map(|(_, value)| *value), Some(0.0));
    let signals = &guest.host().signals;
    assert!(signals.iter().all(|signal| signal.strength == 0.5 && signal.confidence == 1.0));
    assert_eq!(signals.len(), 1_000);
}

#[test]
fn a_bug_of_the_host_costs_one_guest() {
    let mut guest = strategy("order-flood", &Limits::default());
    guest.host_mut().broken = true;
    let fault = fails(&mut guest, 1);
    assert_eq!(fault.kind, FaultKind::Host);
    assert!(guest.on_quote(quote(2)).is_err());
}

#[test]
fn the_same_inputs_cost_the_same_fuel_and_give_the_same_answers() {
    let run = || {
        let limits = Limits { fuel_per_call: 100_000_000, ..Limits::default() };
        let mut fuel = Vec::new();
        for name in ["fuel-hog", "order-flood", "metric-flood", "timer-flood", "wild-orders"] {
            let mut guest = strategy(name, &limits);
            for seq in 1..=20 {
                guest.on_quote(quote(seq)).expect("it lives");
                fuel.push(guest.fuel_used());
            }
            fuel.extend([guest.host().orders.len() as u64, guest.memory_bytes()]);
        }
        fuel
    };
    assert_eq!(run(), run());
}

#[test]
fn a_guest_may_use_nearly_all_of_its_fuel_at_every_tick() {
    let mut guest = strategy("fuel-hog", &Limits { deadline_ms: 10_000, ..Limits::default() });
    lives(&mut guest, 50);
    let used = guest.fuel_used();
    assert!((500_000..1_000_000).contains(&used), "{used}");
}
