//! The interpreter of one render.

use crate::{Args, Context, Environment, MacroRef, Result, Template, Value};
use std::sync::Arc;

/// Renders templates and calls macros for one node. Cheap to make; not shared between threads.
pub struct Interp {
    /// What renders share.
    pub env: Arc<Environment>,
    /// What the node's names mean.
    pub context: Arc<dyn Context>,
}

impl Interp {
    /// An interpreter for a node.
    pub fn new(env: Arc<Environment>, context: Arc<dyn Context>) -> Self {
        Self { env, context }
    }

    /// Renders a template to text.
    pub fn render(&mut self, template: &Template) -> Result<String> {
        let _ = template;
        Ok(String::new())
    }

    /// Renders a template that is one expression to its value, as dbt does for YAML: `{{ x }}` alone keeps the
    /// type, and text that is a Python literal becomes its value (jinja2's NativeEnvironment).
    pub fn render_native(&mut self, template: &Template) -> Result<Value> {
        let _ = template;
        Ok(Value::None)
    }

    /// Calls a macro in this node's context. The result is what it returned by `return()`, else its text.
    pub fn call_macro(&mut self, definition: &MacroRef, args: Args) -> Result<Value> {
        let _ = (definition, args);
        Ok(Value::None)
    }

    /// Calls a macro by name: `name` resolved from the node's package, or `package.name`.
    pub fn call_named(&mut self, name: &str, args: Args) -> Result<Value> {
        let _ = (name, args);
        Ok(Value::None)
    }

    /// Calls any callable value.
    pub fn call(&mut self, callable: &Value, args: Args) -> Result<Value> {
        let _ = (callable, args);
        Ok(Value::None)
    }

    /// The macro that `adapter.dispatch(name, namespace)` picks.
    pub fn dispatch(&self, name: &str, namespace: Option<&str>) -> Result<MacroRef> {
        let _ = (name, namespace);
        Err(crate::Error::compilation("no macro"))
    }

    /// An undefined value of the flavour that the code being evaluated gets.
    pub fn undefined(&self, name: Option<Arc<str>>, hint: Option<Arc<str>>) -> Value {
        Value::Undefined(crate::Undefined { name, hint, lenient: false })
    }

    /// The innermost macro that is being evaluated, for `depends_on.macros` and messages.
    pub fn current_macro(&self) -> Option<&MacroRef> {
        None
    }

    /// The unique ids of all macros that were called so far, in the order of the first call.
    pub fn called_macros(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}
