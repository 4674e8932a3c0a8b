//! Components made byte by byte: valid and no plugin, or larger than they look. Each is refused once,
//! with the step that saw it, before anything of it is compiled.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wasm_encoder::{
    CanonicalOption, CodeSection, ComponentBuilder, ComponentExportKind, ComponentTypeRef,
    ComponentValType, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    MemorySection, MemoryType, Module, ModuleArg, PrimitiveValType, RawSection, TypeSection,
    ValType,
};
use wickd_engine::{Admission, Refusal, describe};
use wickd_model::Limits;
use wickd_tests::{append, bombs, component_bytes, runtime, variant};

/// The refusal of these bytes before anything is compiled.
fn refused(bytes: &[u8]) -> Refusal {
    describe(bytes).map(drop).expect_err("it is no plugin")
}

fn admission() -> Admission {
    Admission::alone(runtime().clone(), Limits::default(), None)
}

fn refused_by(admission: &Admission, bytes: &[u8]) -> Refusal {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("made.wasm");
    std::fs::write(&path, bytes).expect("a temporary file");
    match admission.admit(&path, 0) {
        Err(refusal) => *refusal,
        Ok((plugin, _)) => panic!("it was taken as {}", plugin.label()),
    }
}

/// What the validation refuses, with its reason.
fn is_invalid(bytes: &[u8], reason: &str) {
    let refused = refused(bytes);
    assert_eq!(refused.step, "validate", "{refused}");
    assert!(refused.reason.contains(reason), "`{reason}` is not in: {refused}");
    assert!(!refused.fix.is_empty());
}

/// What nothing is wrong with up to the compiler.
fn would_be_compiled(bytes: &[u8]) {
    describe(bytes).map(drop).expect("it would be compiled");
}

fn nothing() -> Function {
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    body
}

/// Part of a component: its function 0 takes a string in this encoding.
fn takes_string(encoding: CanonicalOption) -> ComponentBuilder {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([ValType::I32; 2], []);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    functions.function(0).function(1);
    let mut memories = MemorySection::new();
    let (memory64, shared, page_size_log2) = (false, false, None);
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64, shared, page_size_log2 });
    let mut exports = ExportSection::new();
    exports.export("take", ExportKind::Func, 0).export("realloc", ExportKind::Func, 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut zero = Function::new([]);
    zero.instruction(&Instruction::I32Const(0)).instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&nothing()).function(&zero);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);

    let mut parts = ComponentBuilder::default();
    let module = parts.core_module(None, &module);
    let instance = parts.core_instantiate(None, module, [("", ModuleArg::Instance(0)); 0]);
    let take = parts.core_alias_export(None, instance, "take", ExportKind::Func);
    let realloc = parts.core_alias_export(None, instance, "realloc", ExportKind::Func);
    let memory = parts.core_alias_export(None, instance, "memory", ExportKind::Memory);
    let (string, mut function) = parts.type_function(None);
    let text = ComponentValType::Primitive(PrimitiveValType::String);
    function.params([("text", text)]).result(None);
    let options = [CanonicalOption::Memory(memory), CanonicalOption::Realloc(realloc), encoding];
    parts.lift_func(None, take, string, options);
    parts
}

#[test]
fn strings_that_are_not_utf_8_are_refused() {
    would_be_compiled(&bombs::named_strategy(takes_string(CanonicalOption::UTF8)));
    for odd in [CanonicalOption::UTF16, CanonicalOption::CompactUTF16] {
        is_invalid(&bombs::named_strategy(takes_string(odd)), "only UTF-8 is taken");
        // However deep it stands.
        let mut outer = ComponentBuilder::default();
        outer.component(None, takes_string(odd));
        is_invalid(&bombs::named_strategy(outer), "only UTF-8 is taken");
    }
}

#[test]
fn resources_of_its_own_are_refused() {
    let mut parts = ComponentBuilder::default();
    let resource = parts.type_resource(None, ValType::I32, None);
    parts.resource_new(resource);
    is_invalid(&bombs::named_strategy(parts), "resources of its own");
}

#[test]
fn components_as_values_are_refused() {
    let mut parts = ComponentBuilder::default();
    let any = parts.type_component(None, &wasm_encoder::ComponentType::new());
    parts.import("maker", ComponentTypeRef::Component(any));
    is_invalid(&bombs::named_strategy(parts), "components about as values");
    let mut giver = ComponentBuilder::default();
    let inner = giver.component(None, ComponentBuilder::default());
    giver.export("inner", ComponentExportKind::Component, inner, None);
    let mut parts = ComponentBuilder::default();
    let giver = parts.component(None, giver);
    let given = parts.instantiate(None, giver, [("", ComponentExportKind::Func, 0); 0]);
    parts.alias_export(given, "inner", ComponentExportKind::Component);
    is_invalid(&bombs::named_strategy(parts), "components about as values");
}

#[test]
fn instances_are_counted_however_they_are_made() {
    // 2^8 leaves of two instances each are within the bound, one doubling more is not.
    would_be_compiled(&bombs::instances(7));
    for doublings in [9, 20, 40, 900] {
        is_invalid(&bombs::instances(doublings), "more than 1000 instances");
    }
    // The same by components within components.
    let mut twice = ComponentBuilder::default();
    for _ in 0..20 {
        let mut outer = ComponentBuilder::default();
        let inner = outer.component(None, twice);
        for _ in 0..2 {
            outer.instantiate(None, inner, [("", ComponentExportKind::Func, 0); 0]);
        }
        twice = outer;
    }
    is_invalid(&bombs::named_strategy(twice), "more than 1000 instances");
    // And one after the other.
    let mut many = ComponentBuilder::default();
    let module = many.core_module(None, &Module::new());
    for _ in 0..999 {
        many.core_instantiate(None, module, [("", ModuleArg::Instance(0)); 0]);
    }
    let mut parts = ComponentBuilder::default();
    let many = parts.component(None, many);
    parts.instantiate(None, many, [("", ComponentExportKind::Func, 0); 0]);
    is_invalid(&bombs::named_strategy(parts), "more than 1000 instances");
}

#[test]
fn components_within_components_end_somewhere() {
    would_be_compiled(&bombs::nested(30));
    for depth in [40, 900, 3_000] {
        is_invalid(&bombs::nested(depth), "more than 32 levels of components");
    }
}

#[test]
fn types_that_grow_without_end_are_refused() {
    would_be_compiled(&bombs::deep_type(50));
    is_invalid(&bombs::deep_type(1_000), "type nesting is too deep");
    would_be_compiled(&bombs::wide_type(10));
    is_invalid(&bombs::wide_type(40), "effective type size exceeds the limit");
}

#[test]
fn functions_and_locals_are_counted() {
    would_be_compiled(&bombs::holding(&bombs::functions(200_000, &nothing())));
    for count in [200_001, 1_000_000] {
        let bomb = bombs::holding(&bombs::functions(count, &nothing()));
        is_invalid(&bomb, "more than 200000 functions");
    }
    // In several modules they are still as many.
    let mut parts = ComponentBuilder::default();
    let half = bombs::functions(150_000, &nothing());
    parts.core_module(None, &half);
    parts.core_module(None, &half);
    is_invalid(&bombs::named_strategy(parts), "more than 200000 functions");
    let locals = |functions| bombs::holding(&bombs::functions(functions, &bombs::locals(50_000)));
    would_be_compiled(&locals(200));
    is_invalid(&locals(201), "more than 10000000 locals");
}

#[test]
fn one_function_is_bounded_in_length_and_types_in_number() {
    would_be_compiled(&bombs::holding(&bombs::functions(1, &bombs::branches(100, 1_000_000))));
    let long = bombs::holding(&bombs::functions(1, &bombs::branches(100, 1_100_000)));
    is_invalid(&long, "more than 1048576 bytes in one function");
    is_invalid(&bombs::holding(&bombs::types(100_001)), "more than 100000 types");
}

#[test]
fn a_table_of_branches_without_end_is_refused_by_the_compiler() {
    let bomb = bombs::holding(&bombs::functions(1, &bombs::branches(100, 7_000_000)));
    let error = wickd_sandbox::compile_artefact(&bomb).map(drop).expect_err("too many branches");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {source}").contains("failed to compile"), "{error}: {source}");
    // Many tables of as many branches as it takes are only work.
    let bomb = bombs::holding(&bombs::functions(5, &bombs::branches(10_000, 65_000)));
    wickd_sandbox::compile_artefact(&bomb).map(drop).expect("it compiles");
}

#[test]
fn a_world_of_the_right_names_and_the_wrong_types_is_refused() {
    let empty = bombs::named_strategy(ComponentBuilder::default());
    let refused = refused_by(&admission(), &empty);
    assert_eq!(refused.step, "link", "{refused}");
    for part in ["`strategy`", "wickd:plugin/strategy-api@0.1.0", "does not have export `schema`"] {
        assert!(refused.reason.contains(part), "`{part}` is not in: {refused}");
    }
    // Every name of the world, and behind each a function that takes a string and gives nothing.
    let mut wrong = takes_string(CanonicalOption::UTF8);
    let wit = include_str!("../../wit/worlds.wit");
    let of_strategy = wit.split("interface strategy-api {").nth(1).expect("it is the contract");
    let of_strategy = of_strategy.split("\n}").next().unwrap_or_default();
    let names = of_strategy.lines().filter_map(|line| Some(line.split_once(": func(")?.0.trim()));
    for name in names {
        wrong.export(name, ComponentExportKind::Func, 0, None);
    }
    let bytes = bombs::named_strategy_of(ComponentBuilder::default(), wrong);
    let refused = refused_by(&admission(), &bytes);
    // The engine compares the types of functions when it makes the first instance.
    assert_eq!(refused.step, "schema", "{refused}");
    assert!(refused.reason.contains("type mismatch with parameters"), "{refused}");
}

#[test]
fn long_names_of_sections_are_refused_and_large_ones_are_passed_over() {
    let good = component_bytes("auditor");
    // A megabyte that nobody reads costs its bytes and nothing else.
    let mut large = variant(&good, 1);
    let section = vec![0x07, b'n', b'o', b't', b'h', b'i', b'n', b'g'];
    append(&mut large, &RawSection { id: 0, data: &[section, vec![0xff; 1 << 20]].concat() });
    would_be_compiled(&large);
    // A section whose name is a megabyte.
    let mut named = good.clone();
    let name = [vec![0x80, 0x80, 0x40], vec![b'n'; 1 << 20]].concat();
    append(&mut named, &RawSection { id: 0, data: &name });
    is_invalid(&named, "string size");
    // And one whose name ends behind the section.
    let mut beyond = good;
    append(&mut beyond, &RawSection { id: 0, data: &[0x7f, b'n'] });
    is_invalid(&beyond, "unexpected end");
}
