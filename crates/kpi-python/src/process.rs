//! The Python processes that run models: started when first needed, kept for the next model, ended with the run.
//!
//! A process asks and kpi answers, one JSON object a line: questions come from its standard output, answers go to its
//! standard input. What models print comes from its standard error, line by line.

use crate::interpreter::{self, Interpreter};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The child's program.
const SESSION: &str = include_str!("session.py");

/// Reads that program from standard input, of which it must not take a byte more: jobs follow.
const LOADER: &str = "import os,sys
def r(n):
    b=b''
    while len(b)<n:
        c=os.read(0,n-len(b))
        if not c: os._exit(1)
        b+=c
    return b
sys.path[:1]=[]
exec(compile(r(int(r(10))),'<kpi>','exec'),{'__name__':'kpi_session'})";

/// How often it is looked whether a silent process still lives.
const LOOK: Duration = Duration::from_millis(200);
/// How long what was printed may take to arrive after the model ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A printed line is cut here.
const LONGEST_LINE: usize = 64 << 10;

/// Ends a running model's output.
const MARK: &str = "\u{0}kpi: the model ended";

/// The processes that run now; `true`: they were told to end.
static RUNNING: Mutex<Vec<(u32, bool)>> = Mutex::new(Vec::new());

/// Ends every Python process with all that it started: Ctrl-C, `--fail-fast`.
pub fn end_all() {
    for (id, ended) in RUNNING.lock().iter_mut() {
        *ended = true;
        kill(*id);
    }
}

#[cfg(unix)]
fn kill(id: u32) {
    // The process leads a group of its own. That it may have ended by itself meanwhile is fine.
    if let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}

/// A question that the database refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The database's message.
    pub message: String,
    /// Its kind of error: `Catalog`, `Binder`.
    pub code: Option<String>,
}

/// Names and types of columns.
pub type Columns = Vec<(String, String)>;

/// A result of a model.
pub enum Staged<'a> {
    /// In a Parquet file.
    File(&'a Path, &'a Columns),
    /// A query over what was exported.
    Query(&'a str),
}

/// What a running model reaches of the database.
pub trait Warehouse {
    /// Writes a query's rows into a Parquet file. `of_parent`: the query reads what the model refers to.
    ///
    /// # Errors
    /// The database's.
    fn export(&self, query: &str, file: &Path, of_parent: bool) -> Result<Columns, Refusal>;

    /// Which names are relations: each as database, schema, name.
    ///
    /// # Errors
    /// The database's.
    fn find(&self, names: &[Vec<String>]) -> Result<Vec<[String; 3]>, Refusal>;

    /// Makes a result readable under a name.
    ///
    /// # Errors
    /// The database's.
    fn stage(&self, name: &str, result: &Staged<'_>) -> Result<(), Refusal>;

    /// Takes that back.
    ///
    /// # Errors
    /// The database's.
    fn unstage(&self, name: &str) -> Result<(), Refusal>;

    /// Runs a statement; its rows.
    ///
    /// # Errors
    /// The database's.
    fn execute(&self, sql: &str) -> Result<Vec<Vec<Json>>, Refusal>;

    /// The model printed a line.
    fn printed(&self, line: &str);
}

/// A model to run.
pub struct Job<'a> {
    /// The whole script: the model's code and what was put after it.
    pub code: &'a str,
    /// How many characters of it are the model's own.
    pub own: usize,
    /// The line of the file on which they begin.
    pub line: u32,
    /// The model's file.
    pub file: &'a Path,
    /// The module's name.
    pub name: &'a str,
    /// The database's name.
    pub database: &'a str,
    /// The version of the database's own library.
    pub duckdb: &'a str,
    /// What the session begins with.
    pub statements: &'a [String],
    /// Folders to import from.
    pub module_paths: &'a [String],
    /// Where tables may be put; it is the caller's to remove.
    pub exchange: &'a Path,
}

/// Why a model did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such Python, or it does not start.
    NoPython(String),
    /// Python lacks the package that every model needs.
    NoPackage {
        /// What is to be installed.
        package: String,
        /// Python's message.
        message: String,
        /// Where.
        program: PathBuf,
    },
    /// The model raised an exception.
    Raised {
        /// Python's traceback, with the lines of the model.
        traceback: String,
        /// 1-based line of the file.
        line: Option<u32>,
        /// 1-based column.
        column: Option<u32>,
        /// A module that is not installed.
        missing: Option<String>,
        /// The interpreter.
        program: PathBuf,
    },
    /// The process ended before the model did.
    Ended(String),
    /// It was told to.
    Cancelled,
}

/// Processes of one interpreter, kept between models.
#[derive(Default)]
pub struct Pool {
    interpreter: OnceLock<Result<Interpreter, String>>,
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// Runs a model in an idle process or a new one. `of_target` and `base`: see [`interpreter::find`].
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(
        &self,
        of_target: Option<&str>,
        base: &Path,
        job: &Job<'_>,
        warehouse: &dyn Warehouse,
    ) -> Result<(), Failure> {
        let interpreter = self.interpreter.get_or_init(|| interpreter::find(of_target, base));
        let interpreter = interpreter.as_ref().map_err(|error| Failure::NoPython(error.clone()))?;
        let idle = self.idle.lock().pop();
        let mut process = match idle {
            Some(process) => process,
            None => Process::start(interpreter, base, warehouse)?,
        };
        let result = process.run(job, warehouse);
        // After an exception the process is as good as before; one that ended is not kept.
        if matches!(result, Ok(()) | Err(Failure::Raised { .. })) {
            self.idle.lock().push(process);
        }
        result
    }
}

enum Message {
    /// A question or the outcome.
    Said(Json),
    Printed(String),
    /// Standard output was closed.
    Closed,
}

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Message>,
    program: PathBuf,
}

impl Process {
    fn start(interpreter: &Interpreter, base: &Path, warehouse: &dyn Warehouse) -> Result<Self, Failure> {
        let program = &interpreter.program;
        let failed = |why: String| {
            let by = interpreter.named_by;
            Failure::NoPython(format!("{} ({by}) cannot be started: {why}", program.display()))
        };
        let mut command = Command::new(program);
        command.arg("-c").arg(LOADER).current_dir(base);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        RUNNING.lock().push((child.id(), false));
        let (sender, messages) = crossbeam_channel::unbounded();
        if let Some(output) = child.stdout.take() {
            let sender = sender.clone();
            spawn("python-questions", move || questions(output, &sender));
        }
        if let Some(errors) = child.stderr.take() {
            spawn("python-output", move || lines(errors, &sender));
        }
        let input = child.stdin.take();
        let mut process = Self { child, input, messages, program: program.clone() };
        process.write(format!("{:010}{SESSION}", SESSION.len()).as_bytes());
        let mut printed = Vec::new();
        loop {
            match process.next() {
                Some(Message::Printed(line)) => printed.push(line),
                Some(Message::Said(hello)) => {
                    if let Some(package) = hello.get("missing").and_then(Json::as_str) {
                        let message = text(&hello, "error");
                        let program = program.clone();
                        return Err(Failure::NoPackage { package: package.to_owned(), message, program });
                    }
                    printed.iter().for_each(|line| warehouse.printed(line));
                    return Ok(process);
                }
                Some(Message::Closed) | None => {
                    if process.was_told_to_end() {
                        return Err(Failure::Cancelled);
                    }
                    let status = process.ended();
                    let last = printed.len().saturating_sub(8);
                    return Err(failed(
                        format!("{status}\n{}", printed[last..].join("\n")).trim_end().to_owned(),
                    ));
                }
            }
        }
    }

    /// What the process says next; `None`: it is dead.
    fn next(&mut self) -> Option<Message> {
        loop {
            match self.messages.recv_timeout(LOOK) {
                Ok(message) => return Some(message),
                // A process of its own making may hold the pipes open after it.
                Err(RecvTimeoutError::Timeout) => {
                    if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                        return self.messages.try_recv().ok();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// A process that does not read any more shows by what it does not say.
    fn write(&mut self, bytes: &[u8]) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(bytes).and_then(|()| input.flush());
        }
    }

    fn answer(&mut self, answer: &Json) {
        self.write(format!("{answer}\n").as_bytes());
    }

    fn run(&mut self, job: &Job<'_>, warehouse: &dyn Warehouse) -> Result<(), Failure> {
        self.answer(&json!({
            "code": job.code, "own": job.own, "line": job.line, "file": job.file, "name": job.name,
            "database": job.database, "statements": job.statements, "module_paths": job.module_paths,
            "exchange": job.exchange, "duckdb": job.duckdb, "mark": MARK,
        }));
        let mut marked = false;
        loop {
            match self.next() {
                Some(Message::Printed(line)) if line == MARK => marked = true,
                Some(Message::Printed(line)) => warehouse.printed(&line),
                Some(Message::Said(said)) => {
                    let failed = said.get("failed").is_some();
                    if !failed && said.get("done").is_none() {
                        let answer = reply(&said, warehouse);
                        self.answer(&answer);
                        continue;
                    }
                    if !marked {
                        self.last_words(warehouse);
                    }
                    return if failed { Err(self.raised(&said)) } else { Ok(()) };
                }
                Some(Message::Closed) | None => {
                    if self.was_told_to_end() {
                        return Err(Failure::Cancelled);
                    }
                    return Err(Failure::Ended(self.ended()));
                }
            }
        }
    }

    /// What was printed comes through another pipe than the outcome.
    fn last_words(&self, warehouse: &dyn Warehouse) {
        let until = Instant::now() + LAST_WORDS;
        while let Ok(message) = self.messages.recv_deadline(until) {
            match message {
                Message::Printed(line) if line == MARK => return,
                Message::Printed(line) => warehouse.printed(&line),
                _ => return,
            }
        }
    }

    fn raised(&self, said: &Json) -> Failure {
        let number = |key: &str| said.get(key).and_then(Json::as_u64).and_then(|n| u32::try_from(n).ok());
        Failure::Raised {
            traceback: text(said, "failed"),
            line: number("line"),
            column: number("column").map(|column| column + 1),
            missing: said.get("missing").and_then(Json::as_str).map(str::to_owned),
            program: self.program.clone(),
        }
    }

    fn was_told_to_end(&self) -> bool {
        let id = self.child.id();
        RUNNING.lock().iter().any(|(known, told)| *known == id && *told)
    }

    /// How a process ended that was not to end yet.
    fn ended(&mut self) -> String {
        // It may have closed its output only.
        kill(self.child.id());
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => describe(status),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id();
        RUNNING.lock().retain(|(known, _)| *known != id);
        // At the end of its input an idle process ends by itself, a busy one at once.
        self.input = None;
        let _ = self.child.try_wait();
    }
}

#[cfg(unix)]
fn describe(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => "it was killed (signal 9), which is what happens when memory runs out".to_owned(),
        Some(11) => "it crashed (signal 11) in code that is not Python".to_owned(),
        Some(signal) => format!("it ended by signal {signal}"),
        None => format!("it ended with exit code {}", status.code().unwrap_or_default()),
    }
}

#[cfg(not(unix))]
fn describe(status: std::process::ExitStatus) -> String {
    format!("it ended with exit code {}", status.code().unwrap_or_default())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    // Without the thread the pipe is closed, and the process seems to have ended.
    let _ = std::thread::Builder::new().name(name.to_owned()).spawn(work);
}

fn questions(output: impl std::io::Read, sender: &Sender<Message>) {
    for line in BufReader::new(output).lines() {
        let said = line.ok().and_then(|line| serde_json::from_str(&line).ok());
        let Some(said) = said else { break };
        if sender.send(Message::Said(said)).is_err() {
            return;
        }
    }
    let _ = sender.send(Message::Closed);
}

fn lines(errors: impl std::io::Read, sender: &Sender<Message>) {
    let mut reader = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut reader, LONGEST_LINE as u64).read_until(b'\n', &mut line);
        if !read.is_ok_and(|n| n > 0) {
            return;
        }
        let text = String::from_utf8_lossy(&line);
        if sender.send(Message::Printed(text.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
            return;
        }
    }
}

fn text(object: &Json, key: &str) -> String {
    object.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// The answer to a question.
fn reply(question: &Json, warehouse: &dyn Warehouse) -> Json {
    let file = PathBuf::from(text(question, "file"));
    let flag = |key: &str| question.get(key).and_then(Json::as_bool).unwrap_or_default();
    let columns = || -> Columns {
        let read = |column: &Json| serde_json::from_value(column.clone()).ok();
        question
            .get("columns")
            .and_then(Json::as_array)
            .map_or_else(Vec::new, |list| list.iter().filter_map(read).collect())
    };
    let answer = if let Some(query) = question.get("export").and_then(Json::as_str) {
        warehouse.export(query, &file, flag("of_parent")).map(|columns| json!({"columns": columns}))
    } else if let Some(names) = question.get("find") {
        let names: Vec<Vec<String>> = serde_json::from_value(names.clone()).unwrap_or_default();
        warehouse.find(&names).map(|found| json!({"found": found}))
    } else if let Some(name) = question.get("stage").and_then(Json::as_str) {
        let columns = columns();
        let staged = match question.get("query").and_then(Json::as_str) {
            Some(query) => Staged::Query(query),
            None => Staged::File(&file, &columns),
        };
        warehouse.stage(name, &staged).map(|()| json!({}))
    } else if let Some(name) = question.get("unstage").and_then(Json::as_str) {
        warehouse.unstage(name).map(|()| json!({}))
    } else {
        warehouse.execute(&text(question, "execute")).map(|rows| json!({"rows": rows}))
    };
    answer.unwrap_or_else(|refusal| json!({"error": refusal.message, "code": refusal.code}))
}
