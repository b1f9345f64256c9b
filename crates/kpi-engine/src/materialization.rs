//! Which macro builds a node: materializations by name, adapter and package.

use kpi_jinja::{MacroRef, MacroTable};

/// The macro of the materialization `name`: the adapter's own before its parents' before the default; within each, the
/// root project's before an installed package's before a built-in one. An installed package replaces a built-in
/// materialization only where `explicit` overrides are not asked for.
pub(crate) fn find<'a>(macros: &'a MacroTable, name: &str, explicit: bool) -> Option<&'a MacroRef> {
    let adapters = macros.adapter_prefixes.iter().map(|p| &**p).chain(["default"]);
    let names: Vec<String> = adapters.map(|a| format!("materialization_{name}_{a}")).collect();
    let built_in = |n: &String| macros.internal_packages.iter().find_map(|p| macros.get(p, n));
    let is_built_in = names.iter().any(|n| built_in(n).is_some());
    names.iter().find_map(|n| {
        macros
            .get(&macros.root_package, n)
            .or_else(|| {
                if explicit && is_built_in {
                    return None;
                }
                let mut installed: Vec<&MacroRef> = macros
                    .iter()
                    .filter(|m| {
                        *m.name == **n
                            && m.package != macros.root_package
                            && !macros.internal_packages.contains(&m.package)
                    })
                    .collect();
                installed.sort_by(|a, b| a.package.cmp(&b.package));
                installed.pop()
            })
            .or_else(|| built_in(n))
    })
}
