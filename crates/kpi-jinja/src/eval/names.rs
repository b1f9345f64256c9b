//! What names mean: macros, packages, the node's context, globals.

use crate::{Args, Context, Environment, Error, Interp, Key, MacroRef, Object, Result, Value, python};
use std::sync::Arc;

impl Interp {
    /// What a name that the template does not assign means: a macro (the node's package, the root project), a package,
    /// an internal macro, the node's context, a global, a built-in of jinja2.
    pub fn lookup(&mut self, name: &str) -> Option<Value> {
        if let Some(found) = self.assigned.as_ref().and_then(|assigned| assigned.get(name)) {
            return Some(found);
        }
        if let Some(found) = self.macros.get(name) {
            return Some(Value::Object(found.clone()));
        }
        if self.env.macros.is_namespace(name) {
            return Some(Value::object(PackageNamespace { env: self.env.clone(), name: name.into() }));
        }
        self.lookup_without_macros(name)
    }

    fn lookup_without_macros(&mut self, name: &str) -> Option<Value> {
        if let Some(found) = self.context.lookup(name).or_else(|| self.env.globals.get(name).cloned()) {
            return Some(found);
        }
        match name {
            "context" => Some(Value::object(Names {
                env: self.env.clone(),
                context: self.context.clone(),
                with_macros: true,
            })),
            "builtins" => Some(Value::object(Names {
                env: self.env.clone(),
                context: self.context.clone(),
                with_macros: false,
            })),
            "return" => Some(crate::function("return", |interp, args| {
                let [value] = args.bind("return", ["data?"])?;
                interp.returned = value.unwrap_or_default();
                let mut error = Error::new(crate::ErrorKind::Runtime, "return() outside of a macro");
                error.0.returning = true;
                Err(error)
            })),
            _ => python::globals::get(name),
        }
    }
}

/// `package.macro`, looked up when it is used.
struct PackageNamespace {
    env: Arc<Environment>,
    name: Arc<str>,
}

impl PackageNamespace {
    fn get(&self, interp: &Interp, name: &str) -> Option<MacroRef> {
        interp.env.macros.in_namespace(&self.name, name).cloned()
    }

    /// The names of its macros, in their order.
    fn names(&self) -> Vec<Value> {
        let macros = &self.env.macros;
        let own: Vec<&Arc<str>> = macros
            .iter()
            .filter(|m| {
                macros.in_namespace(&self.name, &m.name).is_some_and(|found| found.unique_id == m.unique_id)
            })
            .map(|m| &m.name)
            .collect();
        let mut names: Vec<&Arc<str>> = own;
        names.sort();
        names.into_iter().map(Value::from).collect()
    }
}

impl Object for PackageNamespace {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        // The sandbox guards attributes, not items: a macro's name may begin with an underscore.
        if name.starts_with('_') {
            return Ok(None);
        }
        Ok(self.get(interp, name).map(|found| Value::Object(found)))
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.get(interp, name)).map(|found| Value::Object(found)))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match self.get(interp, name) {
            Some(found) => interp.call_macro(&found, args).map(Some),
            None if name == "get" => {
                let [key, default] = args.bind("get", ["key", "default?"])?;
                let found = key.as_ref().and_then(Value::as_str).and_then(|name| self.get(interp, name));
                Ok(Some(found.map_or(default.unwrap_or_default(), |found| Value::Object(found))))
            }
            None => Ok(None),
        }
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        Some(needle.as_str().is_some_and(|name| self.env.macros.in_namespace(&self.name, name).is_some()))
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Ok(Some(Box::new(self.names().into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(self.names().len())
    }

    fn repr(&self) -> String {
        format!("<macros of {}>", self.name)
    }
}

/// The `context` and `builtins` mappings.
struct Names {
    env: Arc<Environment>,
    context: Arc<dyn Context>,
    with_macros: bool,
}

impl Names {
    fn get(&self, interp: &mut Interp, name: &str) -> Option<Value> {
        if self.with_macros { interp.lookup(name) } else { interp.lookup_without_macros(name) }
    }

    /// Puts values over the names of the context, for the rest of the render.
    fn assign(interp: &mut Interp, entries: impl IntoIterator<Item = (Value, Value)>) -> Result<()> {
        let assigned = interp.assigned.get_or_insert_with(crate::Dict::new);
        entries.into_iter().try_for_each(|(name, value)| assigned.set(name, value))
    }

    /// `context.update(...)`, `setdefault`, `pop`: the names of a node are a dict that templates may change.
    fn change(&self, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "update" => {
                let given = crate::Dict::new();
                python::methods::update_dict(interp, &given, args, "update")?;
                let entries = given.snapshot().into_iter().map(|(key, value)| (key.value().clone(), value));
                let entries: Vec<_> = entries.collect();
                Self::assign(interp, entries)?;
                Ok(Some(Value::None))
            }
            "setdefault" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                let key = key.unwrap_or_default();
                if let Some(found) = key.as_str().and_then(|name| self.get(interp, name)) {
                    return Ok(Some(found));
                }
                let default = default.unwrap_or_default();
                Self::assign(interp, [(key, default.clone())])?;
                Ok(Some(default))
            }
            "pop" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                let key = key.unwrap_or_default();
                let assigned = interp.assigned.as_ref();
                let found = assigned.and_then(|assigned| assigned.remove(key.as_str().unwrap_or_default()));
                match found.or(default) {
                    Some(value) => Ok(Some(value)),
                    None => Err(Error::new(crate::ErrorKind::Key, key.repr())),
                }
            }
            _ => Ok(None),
        }
    }

    fn names(&self) -> Vec<Value> {
        let mut names: Vec<Arc<str>> = self.context.names();
        names.extend(self.env.globals.keys().cloned());
        names.extend(python::globals::names().map(Arc::from));
        names.extend(["context", "return"].map(Arc::from));
        if self.with_macros {
            names.extend(self.env.macros.visible(self.context.package()).keys().cloned());
            names.extend(self.env.macros.namespaces());
        }
        names.sort();
        names.dedup();
        names.into_iter().map(Value::Str).collect()
    }
}

impl Object for Names {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name.starts_with('_') {
            return Ok(None);
        }
        Ok(self.get(interp, name))
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.get(interp, name)))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "get" => {
                let [key, default] = args.bind("get", ["key", "default?"])?;
                let found = key.as_ref().and_then(Value::as_str).and_then(|name| self.get(interp, name));
                Ok(Some(found.or(default).unwrap_or_default()))
            }
            "keys" => Ok(Some(Value::list(self.names()))),
            "values" | "items" => {
                let pairs = self.names().into_iter().filter_map(|key| {
                    let value = self.get(interp, key.as_str()?)?;
                    Some(if name == "items" { Value::tuple([key, value]) } else { value })
                });
                Ok(Some(Value::list(pairs)))
            }
            _ if self.with_macros => self.change(interp, name, args),
            _ => Ok(None),
        }
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Ok(Some(Box::new(self.names().into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(self.names().len())
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        let name = needle.as_str()?;
        let macros = || {
            self.env.macros.visible(self.context.package()).contains_key(name)
                || self.env.macros.is_namespace(name)
        };
        Some(
            self.context.lookup(name).is_some()
                || self.env.globals.contains_key(name)
                || (self.with_macros && macros()),
        )
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let names = self.names();
        format!("<{} names>", names.len())
    }
}

/// A macro is a value: a function that runs in the context of whichever node calls it.
impl Object for crate::MacroDef {
    fn type_name(&self) -> &str {
        "MacroGenerator"
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        interp.call_macro(&self, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        other.downcast_ref::<Self>().map(|other| other.unique_id == self.unique_id)
    }

    fn hash(&self) -> Option<u64> {
        use std::hash::{Hash, Hasher};
        let mut hasher = rustc_hash::FxHasher::default();
        Key::str(self.unique_id.clone()).hash(&mut hasher);
        Some(hasher.finish())
    }

    fn repr(&self) -> String {
        format!("<macro {}>", self.unique_id)
    }
}
