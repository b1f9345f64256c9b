//! What may be typed: commands and flags, as a table. What they mean is decided in `flags`.
//!
//! Flags, short forms and names are dbt's where dbt has them. A flag may stand before or behind the command.

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser, value_parser};

/// A pair `--name` / `--no-name`.
struct Switch {
    name: &'static str,
    short: Option<char>,
    help: &'static str,
}

const fn switch(name: &'static str, short: Option<char>, help: &'static str) -> Switch {
    Switch { name, short, help }
}

/// Switches of every command.
const GLOBAL_SWITCHES: &[Switch] = &[
    switch("cache-selected-only", None, "Look up only the schemas of selected nodes before a run"),
    switch("debug", Some('d'), "Show debug messages"),
    switch("defer", None, "Resolve unselected references to the state's relations"),
    switch("fail-fast", Some('x'), "Stop at the first failure"),
    switch("favor-state", None, "With --defer, prefer the state's relations"),
    switch("introspect", None, "Allow queries while compiling"),
    switch("log-cache-events", None, "Show what the relation cache does"),
    switch("macro-debugging", None, "Accepted for compatibility"),
    switch("partial-parse", None, "Reuse what an earlier parse found"),
    switch("partial-parse-file-diff", None, "Accepted for compatibility"),
    switch("populate-cache", None, "Look up existing relations before a run"),
    switch("print", None, "Show what {{ print() }} prints"),
    switch("quiet", Some('q'), "Show only errors"),
    switch("send-anonymous-usage-stats", None, "Accepted for compatibility: kpi sends nothing"),
    switch("show-all-deprecations", None, "Show every deprecation, not one of each kind"),
    switch("show-resource-report", None, "Accepted for compatibility"),
    switch("single-threaded", None, "Use one worker"),
    switch("static-parser", None, "Accepted for compatibility"),
    switch("upload-to-artifacts-ingest-api", None, "Accepted for compatibility"),
    switch("use-colors", None, "Colour in the terminal"),
    switch("use-colors-file", None, "Colour in the log file"),
    switch("use-experimental-parser", None, "Accepted for compatibility"),
    switch("use-fast-test-edges", None, "Accepted for compatibility"),
    switch("version-check", None, "Check the project's require-dbt-version"),
    switch("warn-error", None, "Turn warnings into errors"),
    switch("write-json", None, "Write artifacts to the target folder"),
];

/// Flags with a value of every command: name, short, value name, help.
const GLOBAL_VALUES: &[(&str, Option<char>, &str, &str)] = &[
    ("project-dir", None, "DIR", "Folder of kpi.toml or dbt_project.yml"),
    ("profiles-dir", None, "DIR", "Folder of profiles.yml"),
    ("profile", None, "NAME", "Profile to use"),
    ("target", Some('t'), "NAME", "Target to use"),
    ("target-path", None, "DIR", "Folder for artifacts and compiled SQL"),
    ("log-path", None, "DIR", "Folder for the log file"),
    ("vars", None, "YAML", "Variables, as a YAML mapping"),
    ("threads", None, "N", "Number of workers"),
    ("state", None, "DIR", "Folder with the artifacts of an earlier run"),
    ("defer-state", None, "DIR", "State folder for --defer only"),
    ("log-file-max-bytes", None, "N", "Size at which the log file is rotated"),
    ("partial-parse-file-path", None, "FILE", "Accepted for compatibility"),
    ("printer-width", None, "N", "Width of a result line"),
    ("record-timing-info", Some('r'), "FILE", "Accepted for compatibility"),
    ("sqlparse", None, "YAML", "Accepted for compatibility"),
    (
        "warn-error-options",
        None,
        "YAML",
        "Which warnings are errors: {error: [...], warn: [...], silence: [...]}",
    ),
];

/// Flags with one of several values of every command.
const GLOBAL_CHOICES: &[(&str, &[&str], &str)] = &[
    ("log-format", &["text", "debug", "json", "default"], "Format of messages"),
    ("log-format-file", &["text", "debug", "json", "default"], "Format of the log file"),
    ("log-level", &["debug", "info", "warn", "error", "none"], "Least level of messages"),
    ("log-level-file", &["debug", "info", "warn", "error", "none"], "Least level in the log file"),
    (
        "indirect-selection",
        &["eager", "cautious", "buildable", "empty"],
        "Which tests a selection brings along",
    ),
];

const RESOURCE_TYPES: &[&str] = &[
    "metric",
    "semantic_model",
    "saved_query",
    "source",
    "analysis",
    "model",
    "test",
    "unit_test",
    "exposure",
    "snapshot",
    "seed",
    "function",
    "default",
    "all",
];

fn with_switch(command: Command, s: &Switch, global: bool) -> Command {
    let no: &'static str = Box::leak(format!("no-{}", s.name).into_boxed_str());
    let mut yes = Arg::new(s.name)
        .long(s.name)
        .action(ArgAction::SetTrue)
        .overrides_with(no)
        .help(s.help)
        .global(global);
    if let Some(short) = s.short {
        yes = yes.short(short);
    }
    if s.help.starts_with("Accepted for compatibility") {
        yes = yes.hide(true);
    }
    let no =
        Arg::new(no).long(no).action(ArgAction::SetTrue).overrides_with(s.name).hide(true).global(global);
    command.arg(yes).arg(no)
}

fn value(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value_name).help(help).action(ArgAction::Set)
}

fn many(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    value(name, value_name, help).action(ArgAction::Append).num_args(1..)
}

fn with_globals(mut command: Command) -> Command {
    for s in GLOBAL_SWITCHES {
        command = with_switch(command, s, true);
    }
    for (name, short, value_name, help) in GLOBAL_VALUES {
        let mut arg = value(name, value_name, help).global(true);
        if let Some(short) = short {
            arg = arg.short(*short);
        }
        if help.starts_with("Accepted for compatibility") {
            arg = arg.hide(true);
        }
        if matches!(*name, "threads" | "printer-width" | "log-file-max-bytes") {
            arg = arg.value_parser(value_parser!(u64));
        }
        command = command.arg(arg);
    }
    for (name, values, help) in GLOBAL_CHOICES {
        command = command.arg(
            value(name, "NAME", help)
                .value_parser(PossibleValuesParser::new(values.iter().copied()))
                .ignore_case(true)
                .global(true),
        );
    }
    command
}

fn selection(command: Command) -> Command {
    command
        .arg(
            many("select", "NODES", "Nodes to include: names, paths, tag:x, +parents, children+, @both")
                .short('s')
                .visible_alias("models")
                .alias("model")
                .short_alias('m'),
        )
        .arg(many("exclude", "NODES", "Nodes to leave out"))
        .arg(value("selector", "NAME", "A named selector of the project"))
}

fn resource_types(command: Command) -> Command {
    // As with dbt one text may hold several: `--resource-type "model test"`.
    let types = || {
        |text: &str| match text.split_whitespace().find(|word| !RESOURCE_TYPES.contains(word)) {
            Some(word) => Err(format!("'{word}' is none of: {}", RESOURCE_TYPES.join(", "))),
            None => Ok(text.to_owned()),
        }
    };
    command
        .arg(
            many("resource-type", "TYPE", "Only nodes of these types")
                .alias("resource-types")
                .value_parser(types()),
        )
        .arg(
            many("exclude-resource-type", "TYPE", "No nodes of these types")
                .alias("exclude-resource-types")
                .value_parser(types()),
        )
}

fn full_refresh(command: Command) -> Command {
    command.arg(
        Arg::new("full-refresh")
            .long("full-refresh")
            .short('f')
            .action(ArgAction::SetTrue)
            .help("Rebuild incremental models and seeds from nothing"),
    )
}

fn event_time(command: Command) -> Command {
    command
        .arg(value("event-time-start", "TIME", "First moment of microbatch models"))
        .arg(value("event-time-end", "TIME", "End of microbatch models"))
        .arg(value("sample", "WINDOW", "Build on a sample in time, such as '3 days'"))
}

fn empty(command: Command) -> Command {
    with_switch(command, &switch("empty", None, "Build schemas only: inputs are limited to zero rows"), false)
}

fn store_failures(command: Command) -> Command {
    command.arg(
        Arg::new("store-failures")
            .long("store-failures")
            .action(ArgAction::SetTrue)
            .help("Keep the failing rows of tests in tables"),
    )
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn inline(command: Command) -> Command {
    command
        .arg(value("inline", "SQL", "Use this text instead of a model"))
        .arg(value("inline-direct", "SQL", "Use this SQL as it is, without the project").hide(true))
}

/// What a suite is about.
fn about(command: Command) -> Command {
    command
        .arg(value("model", "NAME", "The suite is about this model"))
        .arg(value("seed", "NAME", "The suite is about this seed"))
        .arg(value("snapshot", "NAME", "The suite is about this snapshot"))
        .arg(value("source", "SOURCE.TABLE", "The suite is about this table of a source"))
        .arg(value("query", "SQL", "The suite is about what this query finds"))
        .arg(flag("force", "Write over a file that is there"))
}

fn text_or_json(help: &'static str) -> Arg {
    value("output", "FORMAT", help)
        .value_parser(PossibleValuesParser::new(["text", "json"]))
        .ignore_case(true)
}

/// `kpi checkpoint ...`
fn checkpoint() -> Command {
    Command::new("checkpoint")
        .about("Judge suites on what is in the database now, as checkpoints of Great Expectations say")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            result_format(Command::new("run").about("Run a checkpoint"))
                .arg(
                    Arg::new("name")
                        .required(true)
                        .value_name("NAME")
                        .help("Name of the checkpoint, or its file"),
                )
                .arg(text_or_json("Format of what came of it")),
        )
        .subcommand(
            Command::new("list")
                .about("List the checkpoints of the project")
                .arg(text_or_json("Format of a line")),
        )
}

/// `kpi suite ...`
fn suite() -> Command {
    Command::new("suite")
        .about("Work with suites of expectations")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            about(Command::new("new").about("Write a suite to begin with"))
                .arg(Arg::new("name").required(true).value_name("NAME").help("Name of the suite")),
        )
        .subcommand(
            about(
                Command::new("import")
                    .about("Write suites of any layout, and of Python files, in the present one"),
            )
            .arg(
                Arg::new("file")
                    .required(true)
                    .num_args(1..)
                    .value_name("FILE")
                    .help("JSON, YAML or Python files; Python is read, not run"),
            )
            .arg(value("name", "NAME", "Name of the suite, where there is one"))
            .arg(flag("stdout", "Print the suites instead of writing them")),
        )
        .subcommand(
            Command::new("export")
                .about("Print the tests of properties as suites of Great Expectations")
                .arg(Arg::new("model").num_args(0..).value_name("MODEL").help("Only those of these models"))
                .arg(value("folder", "FOLDER", "Write a file for each suite here")),
        )
        .subcommand(
            Command::new("list")
                .about("List the suites of the project")
                .arg(text_or_json("Format of a line")),
        )
        .subcommand(Command::new("docs").about("Write suites and their last results as one HTML page").arg(
            value(
                "output",
                "FILE",
                "Where to write the page instead of expectations/index.html in the target folder",
            ),
        ))
        .subcommand(
            Command::new("cases")
                .about("Answer the cases of a case file on a fresh database in memory")
                .arg(
                    Arg::new("file")
                        .required(true)
                        .value_name("FILE")
                        .help("Case file: tables and expectations"),
                )
                .arg(
                    value("output", "FORMAT", "Format of an answer")
                        .value_parser(PossibleValuesParser::new(["json", "text"]))
                        .default_value("text"),
                ),
        )
}

/// `kpi profile`
fn profile() -> Command {
    selection(
        Command::new("profile")
            .about("Tell what the values of models, seeds, snapshots and sources look like"),
    )
    .arg(
        Arg::new("names")
            .value_name("NAME")
            .num_args(0..)
            .help("Models, seeds, snapshots, and sources as source.table"),
    )
    .arg(
        value("output", "FORMAT", "Format of the profile")
            .value_parser(PossibleValuesParser::new(["text", "json", "html"]))
            .ignore_case(true),
    )
    .arg(value("html", "FILE", "Also write one page with plots, for a browser"))
    .arg(
        value("sample-rows", "N", "Look at N rows, drawn by chance")
            .value_parser(value_parser!(u64).range(1..)),
    )
    .arg(flag("approximate", "Estimate distinct values and quantiles, which saves memory"))
    .arg(
        value(
            "compare",
            "PATH",
            "Tell what changed since the last profile, or the one in this file or folder",
        )
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value(""),
    )
    .arg(flag("fail-on-drift", "With --compare, exit with 1 if something changed beyond its threshold"))
    .arg(flag("suggest", "Write a suite of expectations with thresholds taken from the profile"))
    .arg(flag("force", "With --suggest, replace what an earlier --suggest wrote"))
}

/// Where deployments are written down, and how many earlier versions they leave.
fn deployments(command: Command) -> Command {
    command
        .arg(value("keep", "N", "Of how many deployments the earlier versions are kept (default 3)"))
        .arg(value(
            "staging-suffix",
            "SUFFIX",
            "What the names of staging schemas end in (default __kpi_staging)",
        ))
        .arg(value("history-schema", "NAME", "Schema of the history of deployments (default kpi_history)"))
}

/// `kpi deploy`
fn deploy() -> Command {
    let command = Command::new("deploy")
        .about("Build and test beside production, then change production as a whole if all is good");
    deployments(result_format(event_time(store_failures(full_refresh(resource_types(selection(command)))))))
        .arg(flag("rebuild", "Build again what has not changed since the last deployment"))
}

/// `kpi rollback`
fn rollback() -> Command {
    let command = Command::new("rollback")
        .about("Bring the relations of an earlier deployment or moment back, and test them");
    deployments(selection(command))
        .arg(value("to", "RUN|TIME", "A run of kpi deploy, a moment in UTC, or 'previous'"))
        .arg(flag("list", "List the deployments, newest first").conflicts_with("to"))
        .arg(flag("dry-run", "Only show what would come back, and what cannot"))
        .arg(flag("skip-tests", "Do not test what comes back"))
        .arg(flag("force", "Bring it back though its tests fail"))
        .arg(text_or_json("Format of --list"))
}

fn result_format(command: Command) -> Command {
    command.arg(value(
        "result-format",
        "FORMAT",
        "How much of the results of expectations is kept: BOOLEAN_ONLY, BASIC, SUMMARY, COMPLETE, or a YAML mapping",
    ))
}

/// What a run costs, afterwards and beforehand.
fn cost(command: Command) -> Command {
    command
        .arg(
            value(
                "cost",
                "DETAIL",
                "How much is asked about the cost of a run: none, basic, auto (default), full",
            )
            .value_parser(PossibleValuesParser::new(kpi_adapter::CostDetail::WORDS))
            .ignore_case(true)
            .hide_possible_values(true),
        )
        .arg(flag("dry-run", "Build nothing: tell what would be done and what it would read"))
        .arg(text_or_json("With --dry-run, format of what is told").requires("dry-run"))
}

/// The whole command line.
pub fn command() -> Command {
    let sub = |name: &'static str, about: &'static str| Command::new(name).about(about);
    let output = |values: &'static [&'static str], help: &'static str| {
        value("output", "FORMAT", help)
            .value_parser(PossibleValuesParser::new(values.iter().copied()))
            .ignore_case(true)
    };
    with_globals(
        Command::new("kpi")
            .about("Builds, tests and serves KPIs from a folder of SQL models")
            .long_about(
                "Builds, tests and serves KPIs from a folder of SQL models.\n\n\
                 Reads kpi.toml or an unchanged dbt project, resolves references into a graph, builds it on DuckDB \
                 and proves the data with tests.",
            )
            .after_help(
                "Exit codes: 0 all good, 1 a node failed, 2 the project or the call is wrong.\n\
                 Every flag can be set by an environment variable: KPI_FAIL_FAST=1 or DBT_FAIL_FAST=1.",
            )
            .disable_version_flag(true)
            .disable_help_subcommand(false)
            .subcommand_required(false)
            .arg_required_else_help(false)
            .arg(
                Arg::new("version")
                    .long("version")
                    .short('V')
                    .visible_short_alias('v')
                    .action(ArgAction::SetTrue)
                    .global(true)
                    .help("Show the version"),
            ),
    )
    .subcommand(cost(result_format(event_time(empty(store_failures(full_refresh(resource_types(selection(sub(
        "build",
        "Run seeds, models and snapshots, and test each before what needs it",
    ))))))))
        .arg(flag("show", "Show a sample of each seed"))
        .arg(flag("export-saved-queries", "Accepted for compatibility").alias("include-saved-query").hide(true))
        .arg(flag("no-export-saved-queries", "Accepted for compatibility").alias("no-include-saved-query").hide(true))))
    .subcommand(cost(event_time(empty(full_refresh(selection(sub("run", "Build models")))))))
    .subcommand(cost(result_format(store_failures(resource_types(selection(sub("test", "Test data")))))))
    .subcommand(cost(full_refresh(selection(sub("seed", "Load CSV files into tables"))).arg(flag("show", "Show a sample"))))
    .subcommand(full_refresh(resource_types(selection(sub(
        "clone",
        "Point relations at those of the environment whose manifest is in --state",
    )))))
    .subcommand(deploy())
    .subcommand(rollback())
    .subcommand(full_refresh(sub("retry", "Run again what failed or was skipped in the last run")))
    .subcommand(cost(empty(selection(sub("snapshot", "Record changes of rows over time")))))
    .subcommand(
        resource_types(inline(empty(full_refresh(selection(sub("compile", "Render models to SQL without running them"))))))
            .arg(output(&["text", "json"], "Format of a single model on the terminal"))
            .arg(flag("inject-ephemeral-ctes", "Put ephemeral parents in front (default)").hide(true))
            .arg(Arg::new("no-inject-ephemeral-ctes").long("no-inject-ephemeral-ctes").action(ArgAction::SetTrue).hide(true)),
    )
    .subcommand(
        inline(full_refresh(selection(sub("show", "Show the first rows of a model or query"))))
            .arg(output(&["text", "json"], "Format of the rows"))
            .arg(
                value("limit", "N", "Number of rows; -1 for all")
                    .value_parser(value_parser!(i64))
                    .allow_negative_numbers(true),
            ),
    )
    .subcommand(
        resource_types(selection(sub("ls", "List the nodes of the project").visible_alias("list")))
            .arg(output(&["json", "name", "path", "selector"], "Format of a line"))
            .arg(many("output-keys", "KEY", "Keys of the JSON format")),
    )
    .subcommand(sub("parse", "Read the project and write its manifest"))
    .subcommand(
        sub("docs", "Write what documentation tools show")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(with_switch(
                selection(sub("generate", "Compile, and write the catalog of what the database has"))
                    .arg(flag("empty-catalog", "Ask the database nothing: the catalog has no entries"))
                    .arg(flag("static", "Also write static_index.html, which has everything in one file")),
                &switch("compile", None, "Compile what is selected first (default)"),
                false,
            ))
            .subcommand(with_switch(
                sub("serve", "Show the documentation in a browser")
                    .arg(value("host", "HOST", "Address to listen on (default 127.0.0.1)"))
                    .arg(value("port", "PORT", "Port to listen on (default 8080)").value_parser(value_parser!(u16))),
                &switch("browser", None, "Open a browser (default)"),
                false,
            )),
    )
    .subcommand(suite())
    .subcommand(profile())
    .subcommand(checkpoint())
    .subcommand(
        sub("source", "Look after the project's sources")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(
                selection(sub("freshness", "Check how old the newest row of each source is").alias("snapshot-freshness"))
                    .arg(value("output", "FILE", "Where to write the results instead of sources.json in the target folder").short('o')),
            ),
    )
    .subcommand(
        sub("setup", "Make in an account what the project needs there")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(
                sub("snowflake", "Warehouses, databases, schemas, roles and grants of [setup.snowflake] in kpi.toml")
                    .arg(flag("dry-run", "Only show what would be done (default)").conflicts_with("apply"))
                    .arg(flag("apply", "Show it and do it")),
            ),
    )
    .subcommand(
        sub("run-operation", "Call a macro")
            .arg(Arg::new("macro").required(true).value_name("MACRO").help("Name of the macro, or package.name"))
            .arg(value("args", "YAML", "Arguments of the macro, as a YAML mapping")),
    )
    .subcommand(
        sub("debug", "Check project, target and connection")
            .arg(flag("connection", "Check the connection only"))
            .arg(flag("config-dir", "Show where profiles.yml is looked for")),
    )
    .subcommand(
        sub("migrate", "Tell what of a dbt project will differ, and write its native form")
            .arg(flag("to-toml", "Write kpi.toml from dbt_project.yml and profiles.yml"))
            .arg(flag("force", "With --to-toml, write over a kpi.toml that is there"))
            .arg(output(&["text", "json"], "Format of what is told")),
    )
    .subcommand(
        sub("deps", "Install the packages that the project names")
            .arg(flag("upgrade", "Choose versions anew, whatever the lock says"))
            .arg(flag("lock", "Write package-lock.yml and install nothing"))
            .arg(flag("dry-run", "Show what would be done"))
            .arg(value("add-package", "NAME@VERSION", "Add a package to packages.yml first"))
            .arg(
                value("source", "SOURCE", "Where the added package comes from")
                    .value_parser(PossibleValuesParser::new(["hub", "git", "local"]))
                    .default_value("hub"),
            ),
    )
    .subcommand(with_switch(
        sub("clean", "Delete the folders of clean-targets").arg(flag("dry-run", "Show what would be deleted")),
        &switch("clean-project-files-only", None, "Delete nothing outside the project"),
        false,
    ))
    .subcommand(
        sub("init", "Start a new project")
            .arg(Arg::new("name").value_name("NAME").help("Name of the project: letters, digits and underscores"))
            .arg(flag("skip-profile-setup", "Accepted for compatibility").short('s').hide(true)),
    )
    .subcommand(
        sub("completions", "Print shell completions")
            .arg(Arg::new("shell").required(true).value_parser(value_parser!(clap_complete::Shell))),
    )
    .subcommand(sub("man", "Print the manual page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_flag_may_stand_before_or_behind_the_command() {
        let behind =
            command().try_get_matches_from(["kpi", "run", "-s", "a", "b+", "--no-fail-fast", "-x"]).unwrap();
        let (_, run) = behind.subcommand().unwrap();
        assert!(run.get_flag("fail-fast") && !run.get_flag("no-fail-fast"));
        assert_eq!(run.get_many::<String>("select").unwrap().collect::<Vec<_>>(), ["a", "b+"]);
        let before = command().try_get_matches_from(["kpi", "-x", "run"]).unwrap();
        assert!(before.subcommand().unwrap().1.get_flag("fail-fast"));
    }
}
