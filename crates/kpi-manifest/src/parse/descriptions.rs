//! Descriptions, with `{{ doc() }}` put in.

use super::Parser;
use super::docs::Docs;
use crate::context::NameContext;
use kpi_diagnostics::Diagnostic;
use kpi_jinja::{Args, Error, Interp, Template, Value, function};
use parking_lot::Mutex;
use std::sync::Arc;

/// A rendered description and the ids of its docs blocks.
pub(super) type Described = (String, Vec<Arc<str>>);

impl Parser {
    /// Renders a description of the node `id` of a package.
    pub(super) fn describe(&self, package: &Arc<str>, id: &str, text: &str) -> Result<Described, Diagnostic> {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Ok((text.to_owned(), Vec::new()));
        }
        let used: Arc<Mutex<Vec<Arc<str>>>> = Arc::default();
        let doc = doc_function(
            self.docs.clone(),
            self.shared.root_package(),
            package.clone(),
            id.into(),
            used.clone(),
        );
        let context =
            NameContext { shared: self.shared.clone(), package: package.clone(), own: vec![("doc", doc)] };
        let mut interp = Interp::new(self.strict.clone(), Arc::new(context));
        let rendered = Template::parse_str("description", text)
            .and_then(|template| interp.render(&template))
            .map_err(|error| {
                let mut diagnostic = error.to_diagnostic("Compilation Error", None);
                diagnostic.span = None;
                diagnostic.message = match diagnostic.message.contains(id) {
                    true => diagnostic.message,
                    false => format!("The description of '{id}' cannot be rendered: {}", diagnostic.message),
                };
                diagnostic
            })?;
        let used = std::mem::take(&mut *used.lock());
        Ok((rendered, used))
    }
}

fn doc_function(
    docs: Arc<Docs>,
    root: Arc<str>,
    own: Arc<str>,
    id: Arc<str>,
    used: Arc<Mutex<Vec<Arc<str>>>>,
) -> Value {
    function("doc", move |_, args: Args| {
        let texts: Vec<String> = args.positional.iter().map(ToString::to_string).collect();
        let (package, name) = match texts.as_slice() {
            [name] => (None, name),
            [package, name] => (Some(package.as_str()), name),
            other => {
                return Err(Error::compilation(format!(
                    "doc() takes at most two arguments ({} given)",
                    other.len()
                )));
            }
        };
        let Some(doc) = docs.find(name, package, &root, &own) else {
            let place = package.map(|p| format!("in package '{p}' ")).unwrap_or_default();
            let error = Error::compilation(format!(
                "Documentation for '{id}' depends on doc '{name}' {place}which was not found"
            ));
            return Err(match kpi_diagnostics::nearest(name, docs.names()) {
                Some(near) => error.with_hint(format!("did you mean doc('{near}')?")),
                None => error
                    .with_hint(format!("define it in a .md file: {{% docs {name} %}} ... {{% enddocs %}}")),
            });
        };
        used.lock().push(doc.unique_id.clone());
        Ok(Value::from(doc.block_contents.clone()))
    })
}
