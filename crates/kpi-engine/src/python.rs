//! Python models at run time: the script that a model becomes, and `submit_python_job`, which has it run.

use crate::ctes;
use crate::engine::Engine;
use crate::scope::NodeScope;
use kpi_adapter::{AdapterError, AdapterResponse, Column, Fetch, NodeConnection, ResponseObject};
use kpi_diagnostics::{Diagnostic, Level, SourceFile, Span};
use kpi_jinja::{Args, Error, ErrorKind, Interp, Result, Value};
use kpi_manifest::Node;
use kpi_python::process::{Columns, Failure, Job, Refusal, Staged, Warehouse};
use parking_lot::Mutex;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

/// The code of a model: its own, and what gives it its `dbt` argument.
pub(crate) fn script(node: &Node, scope: &Arc<NodeScope>, interp: &mut Interp) -> Result<String> {
    let postfix = interp.call_named("py_script_postfix", Args::of([scope.model_value()]))?;
    Ok(format!("{}\n\n{postfix}", node.raw_code))
}

/// `submit_python_job(model, code)`: runs the script of the scope's node.
pub(crate) fn submit(scope: &Arc<NodeScope>, args: Args) -> Result<Value> {
    let [model, code] = args.bind("submit_python_job", ["parsed_model", "compiled_code"])?;
    let code = code.map(|code| code.to_string()).unwrap_or_default();
    let Some(node) = scope.node() else {
        return Err(Error::compilation("submit_python_job is for models only"));
    };
    let model = model.and_then(|model| model.to_json().ok()).unwrap_or_default();
    if let Some(statements) = scope.engine.adapter.python_statements(&model, code.trim()) {
        let mut last = AdapterResponse::ok();
        for (i, statement) in statements?.iter().enumerate() {
            let response = scope.connection.execute(statement, false, Fetch::No)?.response;
            // What the procedure's call says; its removal says nothing.
            if i < 2 {
                last = response;
            }
        }
        return Ok(Value::object(ResponseObject(last)));
    }
    scope.engine.run_python(scope, node, code.trim_start())?;
    Ok(Value::object(ResponseObject(AdapterResponse::ok())))
}

impl Engine {
    fn run_python(self: &Arc<Self>, scope: &Arc<NodeScope>, node: &Node, code: &str) -> Result<()> {
        let Some(target) = self.adapter.python() else {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!("Python models do not run on the target type '{}'", self.adapter.type_name()),
            ));
        };
        let folder = self.exchange_folder()?;
        let warehouse = Session {
            connection: &scope.connection,
            engine: self,
            name: &node.name,
            ctes: scope
                .node
                .and_then(|id| self.compiled.lock().get(&id).map(|compiled| compiled.ctes.clone()))
                .unwrap_or_default(),
            staged: Mutex::new(Vec::new()),
        };
        let own = if code.starts_with(&*node.raw_code) {
            node.raw_code.chars().count()
        } else {
            code.chars().count()
        };
        let file = self.project.root.join(&*node.original_file_path);
        let outcome = self.python.run(
            target.interpreter.as_deref(),
            &self.project.root,
            &Job {
                code,
                own,
                line: node.first_line,
                file: &file,
                name: &node.alias,
                database: &target.database,
                duckdb: &target.version,
                statements: &target.statements,
                module_paths: &target.module_paths,
                exchange: folder.path(),
            },
            &warehouse,
        );
        let swept = warehouse.sweep();
        outcome.map_err(|failure| self.python_error(node, &failure))?;
        swept.map_err(Error::from)
    }

    /// Where tables lie while they are exchanged: removed with the value.
    fn exchange_folder(&self) -> Result<tempfile::TempDir> {
        let failed = |e: std::io::Error| {
            let place = self.options.target_path.display();
            Error::new(
                ErrorKind::Runtime,
                format!("cannot make a folder for tables of Python models in {place}: {e}"),
            )
            .with_hint("is the target folder writable, and is there space on the disk?")
        };
        std::fs::create_dir_all(&self.options.target_path).map_err(failed)?;
        tempfile::Builder::new().prefix(".python-").tempdir_in(&self.options.target_path).map_err(failed)
    }

    fn python_error(&self, node: &Node, failure: &Failure) -> Error {
        let (code, message, hint) = match failure {
            Failure::NoPython(why) => (
                "K0921",
                format!("this model needs Python: {why}"),
                Some(
                    "install Python with the package duckdb, and name it with KPI_PYTHON or with 'python' in the target; \
                     both take a program or the folder of a virtual environment"
                        .to_owned(),
                ),
            ),
            Failure::NoPackage { package, message, program } => (
                "K0922",
                format!("Python models need the package {package} in {}: {message}", program.display()),
                Some(install(program, package)),
            ),
            Failure::Raised { traceback, missing, program, .. } => (
                "K0920",
                format!("Python model failed:\n{}", self.relative_paths(traceback)),
                missing.as_ref().map(|module| install(program, package_of(module))),
            ),
            Failure::Ended(how) => (
                "K0923",
                format!("the Python process of this model ended before the model did: {how}"),
                Some("a model that reads its tables as DuckDB relations needs less memory than one with data frames".to_owned()),
            ),
            Failure::Cancelled => ("K0803", "the Python process was ended with the run".to_owned(), None),
        };
        let mut diagnostic = Diagnostic::error(code, "Runtime Error", message.clone());
        diagnostic.hint = hint;
        let path = self.project.root.join(&*node.original_file_path);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let file = SourceFile::new(node.original_file_path.clone(), text);
        diagnostic.span = Some(match failure {
            Failure::Raised { line: Some(line), column, .. } => {
                Span::at(file, *line, column.unwrap_or_default())
            }
            _ => Span::whole(file),
        });
        let mut error = Error::new(ErrorKind::Runtime, message);
        error.0.diagnostic = Some(diagnostic);
        error
    }

    /// Names the project's files as every message names them.
    fn relative_paths(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.project.root.display()), "")
    }
}

fn install(program: &Path, package: &str) -> String {
    format!(
        "install it: {} -m pip install {package}; or choose another Python with KPI_PYTHON or with 'python' in the target",
        program.display()
    )
}

/// The package that a module is in, where the names differ.
fn package_of(module: &str) -> &str {
    match module {
        "sklearn" => "scikit-learn",
        "PIL" => "pillow",
        "yaml" => "pyyaml",
        "cv2" => "opencv-python",
        "bs4" => "beautifulsoup4",
        "dateutil" => "python-dateutil",
        "skimage" => "scikit-image",
        other => other,
    }
}

/// The node's session, as the running model reaches it.
struct Session<'a> {
    connection: &'a NodeConnection,
    engine: &'a Engine,
    name: &'a str,
    /// Ephemeral parents, put in front of what reads them.
    ctes: Vec<ctes::Cte>,
    /// What was made readable and not taken away yet.
    staged: Mutex<Vec<String>>,
}

impl Session<'_> {
    /// Takes away what the model left.
    fn sweep(&self) -> std::result::Result<(), AdapterError> {
        for name in std::mem::take(&mut *self.staged.lock()) {
            // After an error the transaction may refuse everything; then the rollback takes it away.
            let swept = self.connection.exchange("-- the result was read", |e| e.unstage(&name));
            if !self.connection.in_transaction() {
                swept?;
            }
        }
        Ok(())
    }
}

fn refusal(error: AdapterError) -> Refusal {
    Refusal { message: error.message, code: error.code }
}

impl Warehouse for Session<'_> {
    fn export(&self, query: &str, file: &Path, of_parent: bool) -> std::result::Result<Columns, Refusal> {
        let query = if of_parent { ctes::inject(query, &self.ctes) } else { query.to_owned() };
        let columns = self.connection.exchange(&query, |exchange| exchange.export(&query, file));
        let columns = columns.map_err(refusal)?;
        Ok(columns.into_iter().map(|c| (c.name.to_string(), c.dtype.to_string())).collect())
    }

    fn find(&self, names: &[Vec<String>]) -> std::result::Result<Vec<[String; 3]>, Refusal> {
        self.connection.exchange("-- which names are relations", |e| e.find(names)).map_err(refusal)
    }

    fn stage(&self, name: &str, result: &Staged<'_>) -> std::result::Result<(), Refusal> {
        let told = format!("-- a result of the model as {name}");
        let staged = self.connection.exchange(&told, |exchange| match result {
            Staged::Query(query) => exchange.stage_query(name, query),
            Staged::File(file, columns) => {
                let column = |(name, kind): &(String, String)| Column::new(name.as_str(), kind.as_str());
                exchange.stage(name, file, &columns.iter().map(column).collect::<Vec<_>>())
            }
        });
        staged.map_err(refusal)?;
        self.staged.lock().push(name.to_owned());
        Ok(())
    }

    fn unstage(&self, name: &str) -> std::result::Result<(), Refusal> {
        let told = format!("-- {name} was read");
        self.connection.exchange(&told, |exchange| exchange.unstage(name)).map_err(refusal)?;
        self.staged.lock().retain(|staged| staged != name);
        Ok(())
    }

    fn execute(&self, sql: &str) -> std::result::Result<Vec<Vec<Json>>, Refusal> {
        let result = self.connection.execute_for_python(sql).map_err(refusal)?;
        Ok(result.table.rows.iter().map(|row| row.iter().map(kpi_adapter::Cell::to_json).collect()).collect())
    }

    fn printed(&self, line: &str) {
        self.engine.reporter().note("Note", Level::Info, format!("{} | {line}", self.name));
    }
}
