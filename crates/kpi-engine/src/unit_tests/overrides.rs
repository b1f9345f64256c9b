//! What a unit test says instead of macros, variables and the environment.

use crate::scope::NodeScope;
use kpi_diagnostics::SourceFile;
use kpi_jinja::{Args, Environment, Interp, MacroTable, Object, Result, Value, function};
use kpi_manifest::context;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// The name under which macros that are overridden find what they give.
const VALUES: &str = "kpi_unit_test_overrides";

/// Lays `overrides: {macros, vars, env_vars}` over a scope.
pub(super) fn apply(scope: &mut NodeScope, overrides: &Map<String, Json>) {
    let part = |key: &str| overrides.get(key).and_then(Json::as_object).filter(|map| !map.is_empty());
    let inherited = |scope: &NodeScope, name: &str| {
        context::lookup(&scope.engine.shared, &scope.package, scope.node(), name)
    };
    if let Some(vars) = part("vars")
        && let Some(inner) = inherited(scope, "var")
    {
        scope.extra.push(("var".into(), Value::object(Var { over: vars.clone(), inner })));
    }
    if let Some(vars) = part("env_vars")
        && let Some(inner) = inherited(scope, "env_var")
    {
        let over = vars.clone();
        let env_var = function("env_var", move |interp, args: Args| {
            match args.positional.first().and_then(Value::as_str).and_then(|name| over.get(name)) {
                Some(value) => Ok(Value::from_json(value)),
                None => interp.call(&inner, args),
            }
        });
        scope.extra.push(("env_var".into(), env_var));
    }
    if let Some(macros) = part("macros") {
        override_macros(scope, macros);
    }
}

/// `var()` with other values for some.
struct Var {
    over: Map<String, Json>,
    inner: Value,
}

impl Var {
    fn given(&self, args: &Args) -> Option<&Json> {
        let name = args.positional.first().or_else(|| {
            args.keyword.iter().find(|(name, _)| &**name == "var_name").map(|(_, value)| value)
        })?;
        self.over.get(name.as_str()?)
    }
}

impl Object for Var {
    fn type_name(&self) -> &str {
        "Var"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        match self.given(&args) {
            Some(value) => Ok(Some(Value::from_json(value))),
            None => interp.call(&self.inner, args).map(Some),
        }
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name != "has_var" {
            return Ok(None);
        }
        if self.given(&args).is_some() {
            return Ok(Some(Value::Bool(true)));
        }
        let inner = self.inner.get_attr(interp, name)?;
        interp.call(&inner, args).map(Some)
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name != "has_var" {
            return Ok(None);
        }
        Ok(Some(function("has_var", move |interp, args| {
            Ok(self.clone().call_method(interp, "has_var", args)?.unwrap_or_default())
        })))
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// Macros become ones that give the value; other names of the context become the value.
///
/// A bare name means the macro that the model sees by it, in `dbt`'s namespace too if it is one of its; `package.name`
/// that package's.
fn override_macros(scope: &mut NodeScope, macros: &Map<String, Json>) {
    let environment = scope.engine.environment.clone();
    let table = &environment.macros;
    let mut replaced: Vec<(Arc<str>, &str, &str)> = Vec::new();
    let built_in = |name: &str| table.in_namespace("dbt", name).and(table.internal_packages.first());
    for written in macros.keys() {
        let mut at = Vec::new();
        let name = match written.split_once('.') {
            None => {
                if table.resolve(&scope.package, written).is_some() {
                    at.push(scope.package.clone());
                    at.extend(built_in(written).cloned());
                }
                written.as_str()
            }
            Some(("dbt", name)) => {
                if let Some(package) = built_in(name) {
                    at.push(package.clone());
                    // What is said of the bare name counts more.
                    at.extend(Some(scope.package.clone()).filter(|_| !macros.contains_key(name)));
                }
                name
            }
            Some((package, name)) => {
                at.extend(table.in_namespace(package, name).map(|found| found.package.clone()));
                name
            }
        };
        if at.is_empty() && !written.contains('.') {
            let value = macros.get(written).map_or(Value::None, Value::from_json);
            scope.extra.insert(0, (written.as_str().into(), value));
        }
        replaced.extend(at.into_iter().map(|package| (package, name, written.as_str())));
    }
    if replaced.is_empty() {
        return;
    }
    let mut own = MacroTable::default();
    own.root_package = table.root_package.clone();
    own.internal_packages = table.internal_packages.clone();
    own.adapter_prefixes = table.adapter_prefixes.clone();
    own.dispatch = table.dispatch.clone();
    for package in table.package_names() {
        own.add_package(package.clone());
    }
    for definition in table.iter() {
        own.insert_ref(definition.clone());
    }
    // The bare names last: where both are for one place, they count.
    replaced.sort_by_key(|(_, _, written)| !written.contains('.'));
    for (package, name, written) in replaced {
        let text = format!(
            "{{% macro {name}() %}}{{% if varargs or kwargs %}}{{% endif %}}{{{{ return({VALUES}[{}]) }}}}{{% endmacro %}}",
            Value::from(written).repr()
        );
        let file = SourceFile::new(format!("override of {written}"), text);
        for definition in MacroTable::parse_file(&package, "", &file).unwrap_or_default() {
            own.insert(definition);
        }
    }
    scope.extra.push((VALUES.into(), Value::from_json(&Json::Object(macros.clone()))));
    scope.environment = Some(Arc::new(Environment {
        macros: own,
        globals: environment.globals.clone(),
        undefined: environment.undefined,
    }));
}
