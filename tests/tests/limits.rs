//! Every limit on what a guest holds or carries: one below it lives, one above it is told which limit
//! and its value, and lives with the limit raised.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wasm_encoder::Instruction::*;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, Function,
    FunctionSection, Instruction, MemorySection, MemoryType, Module, NameMap, NameSection, RefType,
    StartSection, TableSection, TableType, TypeSection, ValType,
};
use wickd_model::FaultKind::Trap;
use wickd_model::{Fault, FaultKind, Limits};
use wickd_tests::{component_bytes, linked, quote, started, strategy, with_module};

fn table_section(count: u32, elements: u64) -> TableSection {
    let mut section = TableSection::new();
    for _ in 0..count {
        let (minimum, element_type) = (elements, RefType::FUNCREF);
        section.table(TableType {
            element_type,
            table64: false,
            minimum,
            maximum: None,
            shared: false,
        });
    }
    section
}

/// A module of tables only.
fn tables(count: u32, elements: u64) -> Module {
    let mut module = Module::new();
    module.section(&table_section(count, elements));
    module
}

/// The memory section of a module with one memory of so many pages.
fn memory(pages: u64) -> MemorySection {
    let mut section = MemorySection::new();
    let (memory64, shared, page_size_log2) = (false, false, None);
    section.memory(MemoryType { minimum: pages, maximum: None, memory64, shared, page_size_log2 });
    section
}

fn only_memory(pages: u64) -> Module {
    let mut module = Module::new();
    module.section(&memory(pages));
    module
}

/// A module whose start function has this body and name. It has a table of two, the start function
/// and nobody, and a second type of function that nothing has.
fn starting(instructions: &[Instruction<'_>], name: &str) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions([0].as_slice().into()));
    let mut body = Function::new([]);
    for instruction in instructions.iter().chain([&End]) {
        body.instruction(instruction);
    }
    let mut code = CodeSection::new();
    code.function(&body);
    let (mut names, mut of_functions) = (NameSection::new(), NameMap::new());
    of_functions.append(0, name);
    names.functions(&of_functions);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&table_section(1, 2));
    module.section(&StartSection { function_index: 0 }).section(&elements);
    module.section(&code).section(&names);
    module
}

/// What the auditor does with that many instances of a module more.
fn outcome(module: &Module, instances: u32, limits: &Limits) -> Result<(), Box<Fault>> {
    let loaded = linked(&with_module(&component_bytes("auditor"), module, instances));
    started(&loaded, limits).map(drop)
}

/// A limit refused something, and said so.
fn names(fault: &Fault, kind: FaultKind, limit: &str, value: u64) {
    assert_eq!(fault.kind, kind, "{fault}");
    let told = format!("`limits.{limit}` is {value}");
    assert!(fault.message.contains(&told), "`{told}` is not in: {}", fault.message);
}

#[test]
fn what_an_instance_is_made_of_is_counted_and_the_limit_is_named() {
    let limits = Limits::default();
    let Limits { memories, tables: tables_max, instances, table_elements, .. } = limits;
    // Instances are counted with the component's own, of which an ordinary one has five.
    let cases = [
        (tables(tables_max, 1), 1, "tables", tables_max, Limits { tables: 64, ..limits }),
        (only_memory(1), memories, "memories", memories, Limits { memories: 16, ..limits }),
        (Module::new(), instances, "instances", instances, Limits { instances: 256, ..limits }),
        (
            tables(1, u64::from(table_elements) + 1),
            1,
            "table_elements",
            table_elements,
            Limits { table_elements: table_elements + 1, ..limits },
        ),
    ];
    for (module, copies, limit, value, raised) in cases {
        let fault = outcome(&module, copies, &limits).expect_err(limit);
        assert_eq!(fault.call, "instantiate", "{fault}");
        names(&fault, FaultKind::Memory, limit, u64::from(value));
        outcome(&module, copies, &raised).unwrap_or_else(|fault| panic!("raised: {fault}"));
    }
    // Exactly as many elements as it may have.
    outcome(&tables(1, u64::from(table_elements)), 1, &limits).expect("the bound is inclusive");
}

#[test]
fn memories_share_one_limit_to_the_byte() {
    let limits = Limits { memories: 16, memory_bytes: 4 << 20, ..Limits::default() };
    let own = {
        let loaded = linked(&component_bytes("auditor"));
        started(&loaded, &limits).expect("it starts").memory_bytes()
    };
    let left = (limits.memory_bytes - own) >> 16;
    outcome(&only_memory(left), 1, &limits).expect("the last page is its own");
    let fault = outcome(&only_memory(left + 1), 1, &limits).expect_err("one page more");
    names(&fault, FaultKind::Memory, "memory_bytes", limits.memory_bytes);
    assert!(fault.memory_bytes <= limits.memory_bytes, "{fault:?}");
    // In halves it is the same: no memory has a limit of its own.
    outcome(&only_memory(left / 2), 2, &limits).expect("two halves are a whole");
    let fault = outcome(&only_memory(left / 2 + 1), 2, &limits).expect_err("two pages more");
    names(&fault, FaultKind::Memory, "memory_bytes", limits.memory_bytes);
}

#[test]
fn handles_are_counted_and_the_limit_is_named() {
    let limits = Limits::default();
    let few = u64::from(limits.resources) / 2;
    strategy("handle-flood", &limits).on_quote(quote(few)).expect("half of them");
    let mut guest = strategy("handle-flood", &limits);
    let many = u64::from(limits.resources) * 2;
    let fault = guest.on_quote(quote(many)).expect_err("twice as many");
    names(&fault, FaultKind::Memory, "resources", u64::from(limits.resources));
    // They are kept across ticks, so the same comes slowly as well.
    let mut guest = strategy("handle-flood", &limits);
    let fault = (1..=many).find_map(|_| guest.on_quote(quote(1)).err()).expect("one a tick");
    names(&fault, FaultKind::Memory, "resources", u64::from(limits.resources));
    let raised = Limits { resources: limits.resources * 4, ..limits };
    strategy("handle-flood", &raised).on_quote(quote(many)).expect("there is room");
}

#[test]
fn random_bytes_are_counted_and_the_limit_is_named() {
    let limits = Limits::default();
    let most = u64::from(limits.random_bytes);
    strategy("random-flood", &limits).on_quote(quote(most)).expect("its share");
    let fault =
        strategy("random-flood", &limits).on_quote(quote(most + 1)).expect_err("a byte more");
    names(&fault, FaultKind::BadValue, "random_bytes", most);
    let raised = Limits { random_bytes: limits.random_bytes + 1, ..limits };
    strategy("random-flood", &raised).on_quote(quote(most + 1)).expect("its larger share");
    // However much is asked for, nothing is made before it is refused.
    let fault = strategy("random-flood", &limits).on_quote(quote(1 << 40)).expect_err("a tebibyte");
    names(&fault, FaultKind::BadValue, "random_bytes", most);
}

#[test]
fn what_crosses_the_border_is_counted_and_the_limit_is_named() {
    let limits = Limits { fuel_per_call: 100_000_000, deadline_ms: 10_000, ..Limits::default() };
    let fault = strategy("huge-list", &limits).on_quote(quote(1)).expect_err("8 MiB of log");
    names(&fault, FaultKind::BadValue, "host_call_bytes", u64::from(limits.host_call_bytes));
    let raised = Limits { host_call_bytes: 16 << 20, ..limits };
    strategy("huge-list", &raised).on_quote(quote(1)).expect("its larger share");
    let fault = strategy("huge-state", &limits).save().expect_err("4 MiB of state");
    names(&fault, FaultKind::BadValue, "state_bytes", u64::from(limits.state_bytes));
}

#[test]
fn recursion_ends_at_the_bottom_of_the_stack_and_nowhere_before() {
    // Only the stack shall be what ends it.
    let limits = Limits { fuel_per_call: 1_000_000_000, deadline_ms: 10_000, ..Limits::default() };
    let dive = |levels| strategy("dives", &limits).on_quote(quote(levels));
    let (mut lives, mut fails) = (1_000, 1_000_000);
    dive(lives).expect("a thousand levels");
    dive(fails).expect_err("a million levels");
    while fails - lives > 1 {
        let middle = lives + (fails - lives) / 2;
        match dive(middle) {
            Ok(()) => lives = middle,
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::Stack, "{middle} levels: {fault}");
                fails = middle;
            }
        }
    }
    // A frame has 16 bytes at least, and the guest's stack 256 KiB.
    assert!((2_000..=(256 << 10) / 16).contains(&lives), "{lives} levels");
    // The bottom is where it is: the same depth every time, and one instance goes there again.
    let mut guest = strategy("dives", &limits);
    for _ in 0..3 {
        guest.on_quote(quote(lives)).expect("just above the bottom");
    }
    let fault = guest.on_quote(quote(fails)).expect_err("just below");
    assert_eq!(fault.kind, FaultKind::Stack);
    assert!(fault.backtrace.len() <= 20 && fault.backtrace[0].function.contains("deeper"));
}

#[test]
fn a_guest_that_takes_no_for_an_answer_works_on() {
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let mut guest = strategy("takes-no", &limits);
    for seq in 1..10 {
        guest.on_quote(quote(seq)).unwrap_or_else(|fault| panic!("tick {seq}: {fault}"));
        assert_eq!(guest.memory_bytes(), limits.memory_bytes, "to the last page");
    }
    // What fails later has its own cause.
    let fault = guest.on_quote(quote(10)).expect_err("its tenth");
    assert_eq!(fault.kind, FaultKind::Panic, "{fault}");
    assert!(!fault.message.contains("limits."), "{}", fault.message);
}

#[test]
fn every_trap_of_the_machine_is_told_by_its_name() {
    let call = |type_index| CallIndirect { type_index, table_index: 0 };
    let truncated = [F64Const(f64::NAN.into()), I32TruncF64S, Drop];
    let traps: [(&[Instruction<'_>], FaultKind, &str); 8] = [
        (&[I64Const(1), I64Const(0), I64DivU, Drop], Trap, "integer divide by zero"),
        (&[I64Const(1), I64Const(0), I64RemS, Drop], Trap, "integer divide by zero"),
        (&[I64Const(i64::MIN), I64Const(-1), I64DivS, Drop], Trap, "integer overflow"),
        (&truncated, Trap, "invalid conversion to integer"),
        (&[I32Const(0), call(1), Drop], Trap, "indirect call type mismatch"),
        (&[I32Const(1), call(0)], Trap, "uninitialized element"),
        (&[I32Const(2), call(0)], Trap, "out of bounds table access"),
        (&[Unreachable], FaultKind::Panic, "`unreachable` instruction"),
    ];
    for (body, kind, words) in traps {
        let fault = outcome(&starting(body, "start"), 1, &Limits::default()).expect_err(words);
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(words), "`{words}` is not in: {}", fault.message);
        assert_eq!(fault.backtrace[0].function, "start", "{fault:?}");
    }
}

#[test]
fn a_module_that_fails_as_it_starts_is_a_fault_of_the_start() {
    let limits = Limits { fuel_per_cold_call: 1_000_000, ..Limits::default() };
    let mut overflowing = only_memory(1);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const((64 << 10) - 2), *b"four");
    overflowing.section(&data);
    for (module, kind) in [
        (starting(&[Unreachable], "start"), FaultKind::Panic),
        (starting(&[Loop(BlockType::Empty), Br(0), End], "start"), FaultKind::OutOfFuel),
        (overflowing, Trap),
    ] {
        let fault = outcome(&module, 1, &limits).expect_err("its start fails");
        assert_eq!((fault.kind, fault.call.as_str()), (kind, "instantiate"), "{fault}");
    }
}

#[test]
fn a_frame_with_a_name_without_end_is_cut() {
    for length in [99_000, 1 << 20] {
        let name = format!("\u{1b}[2J{}", "n".repeat(length));
        let module = starting(&[Unreachable], &name);
        let fault = outcome(&module, 1, &Limits::default()).expect_err("it traps");
        assert_eq!(fault.kind, FaultKind::Panic, "{fault}");
        assert!(!fault.backtrace.is_empty());
        for frame in &fault.backtrace {
            assert!(frame.function.len() <= 512, "{} bytes of name", frame.function.len());
            assert!(!frame.function.chars().any(char::is_control), "{frame:?}");
        }
    }
}
