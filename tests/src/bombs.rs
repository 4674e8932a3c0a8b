//! Components that are small as files and large as anything else: what a compiler, a validator or an
//! index could choke on. None of them has to run, so behind the world's name there is nothing.

use std::borrow::Cow;

use wasm_encoder::{
    Alias, BlockType, CodeSection, ComponentBuilder, ComponentExportKind, ComponentOuterAliasKind,
    CustomSection, Function, FunctionSection, Instruction, Module, ModuleArg, PrimitiveValType,
    RawSection, TypeSection, ValType,
};

const MANIFEST: &str = "name: made\nversion: 0.1.0\nworld: strategy\n\
                        description: Made byte by byte.\nlicense: Apache-2.0\n";

/// Closes a component so that it is a strategy as far as its name says: there is nothing behind it.
pub fn named_strategy(parts: ComponentBuilder) -> Vec<u8> {
    named_strategy_of(parts, ComponentBuilder::default())
}

/// The same with these exports behind the name.
pub fn named_strategy_of(mut parts: ComponentBuilder, api: ComponentBuilder) -> Vec<u8> {
    let api = parts.component(None, api);
    let instance = parts.instantiate(None, api, [("", ComponentExportKind::Func, 0); 0]);
    parts.export("wickd:plugin/strategy-api@0.1.0", ComponentExportKind::Instance, instance, None);
    for (name, data) in [("wickd:wit", "0.1.0"), ("wickd:manifest", MANIFEST)] {
        let data = Cow::Borrowed(data.as_bytes());
        parts.custom_section(&CustomSection { name: Cow::Borrowed(name), data });
    }
    parts.finish()
}

/// A component that holds this module and makes no instance of it.
pub fn holding(module: &Module) -> Vec<u8> {
    let mut parts = ComponentBuilder::default();
    parts.core_module(None, module);
    named_strategy(parts)
}

/// A module of so many functions with the same body.
pub fn functions(count: u32, body: &Function) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..count {
        functions.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module
}

/// A module that declares so many types and uses none.
pub fn types(count: u32) -> Module {
    let mut types = TypeSection::new();
    for _ in 0..count {
        types.ty().function([], []);
    }
    let mut module = Module::new();
    module.section(&types);
    module
}

/// A body with so many locals and no use for them.
pub fn locals(count: u32) -> Function {
    let mut body = Function::new([(count, ValType::I64)]);
    body.instruction(&Instruction::End);
    body
}

/// A body with one table of so many branches, to as many places as there are blocks.
pub fn branches(blocks: u32, count: u32) -> Function {
    let mut body = Function::new([]);
    for _ in 0..blocks {
        body.instruction(&Instruction::Block(BlockType::Empty));
    }
    let places: Vec<u32> = (0..count).map(|number| number % blocks).collect();
    body.instruction(&Instruction::I32Const(0));
    body.instruction(&Instruction::BrTable(places.into(), 0));
    for _ in 0..=blocks {
        body.instruction(&Instruction::End);
    }
    body
}

/// A body that mixes so many locals in each of so many blocks, so that all of them are alive in all:
/// what an allocator of registers has most work with.
pub fn mixed(locals: u32, blocks: u32) -> Function {
    let mut body = Function::new([(locals, ValType::I64)]);
    for block in 0..blocks {
        for step in 0..20 {
            let number = block * 20 + step;
            body.instruction(&Instruction::LocalGet(number * 7 % locals));
            body.instruction(&Instruction::LocalGet(number * 13 % locals));
            body.instruction(&Instruction::I64Add);
            body.instruction(&Instruction::LocalSet(number * 11 % locals));
        }
        body.instruction(&Instruction::I32Const(1));
        body.instruction(&Instruction::If(BlockType::Empty));
        body.instruction(&Instruction::End);
    }
    body.instruction(&Instruction::End);
    body
}

/// Components each of which makes two instances of the one before: 2^`doublings` at the end.
pub fn instances(doublings: u32) -> Vec<u8> {
    let mut parts = ComponentBuilder::default();
    let mut last = {
        let mut leaf = ComponentBuilder::default();
        let module = leaf.core_module(None, &Module::new());
        leaf.core_instantiate(None, module, [("", ModuleArg::Instance(0)); 0]);
        parts.component(None, leaf)
    };
    for _ in 0..doublings {
        let mut twice = ComponentBuilder::default();
        let kind = ComponentOuterAliasKind::Component;
        let one = twice.alias(None, Alias::Outer { kind, count: 1, index: last });
        for _ in 0..2 {
            twice.instantiate(None, one, [("", ComponentExportKind::Func, 0); 0]);
        }
        last = parts.component(None, twice);
    }
    parts.instantiate(None, last, [("", ComponentExportKind::Func, 0); 0]);
    named_strategy(parts)
}

/// Components within components.
pub fn nested(depth: u32) -> Vec<u8> {
    let mut inner = ComponentBuilder::default();
    for _ in 0..depth {
        let mut outer = ComponentBuilder::default();
        outer.component(None, inner);
        inner = outer;
    }
    named_strategy(inner)
}

/// A type of an instance that declares a type of an instance that declares one: three bytes a level,
/// which a parser reads by recursion.
pub fn types_in_types(depth: usize) -> Vec<u8> {
    const INSTANCE: u8 = 0x42;
    const TYPE: u8 = 0x01;
    let levels = [INSTANCE, 1, TYPE].repeat(depth);
    // One type in the section, and in the innermost nothing.
    let data = [&[1], &levels[..], &[INSTANCE, 0]].concat();
    let mut bytes = named_strategy(ComponentBuilder::default());
    crate::append(&mut bytes, &RawSection { id: 7, data: &data });
    bytes
}

/// A list of lists of lists.
pub fn deep_type(depth: u32) -> Vec<u8> {
    let mut parts = ComponentBuilder::default();
    let (mut last, of) = parts.type_defined(None);
    of.primitive(PrimitiveValType::U8);
    for _ in 0..depth {
        let (next, of) = parts.type_defined(None);
        of.list(wasm_encoder::ComponentValType::Type(last));
        last = next;
    }
    named_strategy(parts)
}

/// Pairs of pairs of pairs: 2^`doublings` fields.
pub fn wide_type(doublings: u32) -> Vec<u8> {
    let mut parts = ComponentBuilder::default();
    let (mut last, of) = parts.type_defined(None);
    of.primitive(PrimitiveValType::U8);
    for _ in 0..doublings {
        let (next, of) = parts.type_defined(None);
        of.tuple([wasm_encoder::ComponentValType::Type(last); 2]);
        last = next;
    }
    named_strategy(parts)
}
