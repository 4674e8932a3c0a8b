//! Other files from a guest's file: another label, another build, a section more or less.

use std::borrow::Cow;

use wasm_encoder::{
    ComponentSection, CustomSection, Encode, InstanceSection, ModuleArg, ModuleSection,
};

/// The same component under another version: the manifest's text is patched in place.
pub fn relabel(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (format!("\nversion: {from}\n"), format!("\nversion: {to}\n"));
    assert_eq!(from.len(), to.len(), "a section cannot grow in place");
    let mut other = component.to_vec();
    let places = component.windows(from.len()).enumerate();
    let places = places.filter(|(_, window)| *window == from.as_bytes()).map(|(place, _)| place);
    let places: Vec<_> = places.collect();
    // A linker keeps the text in the section and once more among the data.
    assert!(!places.is_empty(), "the manifest does not have this version");
    for place in places {
        other[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    other
}

/// Another build of the same component: one more section that nobody reads, so another digest and
/// the same behaviour.
pub fn variant(component: &[u8], number: u64) -> Vec<u8> {
    let data = number.to_le_bytes();
    with_section(component, "build", &data)
}

/// A second manifest behind the first.
pub fn manifest_section(component: &[u8], text: &[u8]) -> Vec<u8> {
    with_section(component, "wickd:manifest", text)
}

fn with_section(component: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let mut other = component.to_vec();
    let section = CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) };
    other.push(ComponentSection::id(&section));
    section.encode(&mut other);
    other
}

/// The component with a section renamed, so that nobody finds it.
pub fn without_section(component: &[u8], name: &str) -> Vec<u8> {
    let mut other = component.to_vec();
    let place = other.windows(name.len()).position(|window| window == name.as_bytes());
    let place = place.expect("the component has this section");
    other[place] = b'X';
    other
}

/// The component with one more core module, and so many instances of it, that nothing else knows.
pub fn with_module(component: &[u8], module: &wasm_encoder::Module, instances: u32) -> Vec<u8> {
    let number = core_modules(component);
    let mut other = component.to_vec();
    append(&mut other, &ModuleSection(module));
    let mut section = InstanceSection::new();
    for _ in 0..instances {
        section.instantiate(number, [("", ModuleArg::Instance(0)); 0]);
    }
    append(&mut other, &section);
    other
}

/// The component with one more section behind all others.
pub fn append(component: &mut Vec<u8>, section: &impl ComponentSection) {
    section.append_to_component(component);
}

/// Core modules at the top of a component. What the SDK builds neither imports nor aliases any.
fn core_modules(component: &[u8]) -> u32 {
    const CORE_MODULE: u8 = 1;
    let (mut place, mut modules) = (8, 0);
    while let Some(id) = component.get(place) {
        modules += u32::from(*id == CORE_MODULE);
        // Behind the id stands the section's length as LEB128.
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            place += 1;
            let byte = component[place];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        place += 1 + length;
    }
    modules
}
