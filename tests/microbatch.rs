//! Models of the strategy `microbatch`: which batches run, what each reads, and what comes of failures.

use crate::support::{Call, Project};
use insta::assert_snapshot;
use serde_json::{Value, json};

const EVENTS: &str = "{{ config(materialized='table', event_time='stamp') }}\n\
                      select i as id, timestamp '2020-01-01' + interval (i * 12) hour as stamp from range(6) t(i)";

fn config(more: &str) -> String {
    format!(
        "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='stamp', batch_size='day', \
         begin='2020-01-01'{more}) }}}}\n"
    )
}

fn shop(model: &str) -> Project {
    Project::dbt(&[("models/events.sql", EVENTS), ("models/daily.sql", model)])
}

/// A window of days of January 2020, and other words.
fn window<'a>(start: &'a str, end: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["run", "--event-time-start", start, "--event-time-end", end];
    words.extend(more);
    words
}

fn result(project: &Project) -> Value {
    let results = project.json("target/run_results.json");
    let all = results["results"].as_array().expect("results").iter();
    all.clone().find(|r| r["unique_id"] == "model.shop.daily").expect("the model").clone()
}

/// `good days|failed days`
fn batches(project: &Project) -> String {
    let days = |list: &Value| {
        let starts = list.as_array().into_iter().flatten().filter_map(|batch| batch[0].as_str());
        starts.map(|start| start[8..10].to_owned()).collect::<Vec<_>>().join(" ")
    };
    let batches = &result(project)["batch_results"];
    format!("{}|{}", days(&batches["successful"]), days(&batches["failed"]))
}

/// The lines about batches, without times and dots.
fn lines(call: &Call) -> Vec<String> {
    let of_batches =
        call.stderr.lines().filter_map(|line| line.get(10..)).filter(|line| line.starts_with("Batch "));
    of_batches.map(|line| line.split(" ..").next().unwrap_or(line).to_owned()).collect()
}

#[test]
fn each_batch_reads_and_replaces_its_own_day() {
    let project =
        shop(&(config("") + "select id, stamp, '{{ model.batch.id }}' as batch from {{ ref('events') }}"));
    let call = project.kpi(&window("2020-01-01", "2020-01-04", &[])).expect(0);
    assert_eq!(
        lines(&call),
        [
            "Batch 1 of 3 START batch 2020-01-01 of main.daily",
            "Batch 1 of 3 OK created batch 2020-01-01 of main.daily",
            "Batch 2 of 3 START batch 2020-01-02 of main.daily",
            "Batch 2 of 3 OK created batch 2020-01-02 of main.daily",
            "Batch 3 of 3 START batch 2020-01-03 of main.daily",
            "Batch 3 of 3 OK created batch 2020-01-03 of main.daily",
        ]
    );
    let rows = "select id, batch from main.daily order by id";
    let all = ["0|20200101", "1|20200101", "2|20200102", "3|20200102", "4|20200103", "5|20200103"];
    assert_eq!(project.query(rows), all);
    assert_snapshot!(project.read("target/compiled/shop/models/daily/daily_2020-01-02.sql").trim(), @r#"select id, stamp, '20200102' as batch from (select * from "shop"."main"."events" where stamp >= '2020-01-02 00:00:00+00:00' and stamp < '2020-01-03 00:00:00+00:00')"#);
    assert!(project.path("target/run/shop/models/daily/daily_2020-01-02.sql").exists());
    let mut said = result(&project);
    for changing in ["timing", "thread_id", "execution_time"] {
        said.as_object_mut().expect("a result").remove(changing);
    }
    assert_eq!(said["message"], "SUCCESS");
    assert_eq!(
        said["batch_results"]["successful"][0],
        json!(["2020-01-01T00:00:00+00:00", "2020-01-02T00:00:00+00:00"])
    );
    // One day again: its rows are replaced, the others stay.
    project.kpi(&window("2020-01-02", "2020-01-03", &[])).expect(0);
    assert_eq!(project.query(rows), all);
    assert_eq!(batches(&project), "02|");
    project.kpi(&window("2020-01-02", "2020-01-03", &["--full-refresh"])).expect(0);
    assert_eq!(project.query(rows), ["2|20200102", "3|20200102"]);
}

#[test]
fn a_failed_batch_is_a_partial_success_and_what_depends_on_the_model_is_skipped() {
    let project = shop(
        &(config("")
            + "select id, stamp from {{ ref('events') }} {% if model.batch and model.batch.id == var('bad', '20200102') %} where no_such {% endif %}"),
    );
    project.write("models/after.sql", "select * from {{ ref('daily') }}");
    let call = project.kpi(&window("2020-01-01", "2020-01-04", &[])).expect(1);
    assert_eq!(batches(&project), "01 03|02");
    assert_eq!(result(&project)["status"], "partial success");
    assert_eq!(result(&project)["message"], "PARTIAL SUCCESS (2/3)");
    assert!(call.stderr.contains("PARTIALLY created sql microbatch model main.daily"), "{}", call.stderr);
    assert!(call.stderr.contains("Completed with 1 partial success"), "{}", call.stderr);
    let statuses = project.statuses();
    assert_eq!(statuses[0], ("model.shop.after".into(), "skipped".into()));
    let start = call.stderr.find("Error in batch 2020-01-02").expect("the error");
    let said: Vec<&str> = call.stderr[start..].lines().take(8).collect();
    assert_snapshot!(said.join("\n"), @r#"
    Error in batch 2020-01-02 of main.daily
    Runtime Error in model daily (models/daily.sql) [K0801]
      Binder Error: Referenced column "no_such" not found in FROM clause!
      Candidate bindings: "id"
      
      LINE 6: ...:00:00+00:00' and stamp < '2020-01-03 00:00:00+00:00')  where no_such 
                                                                               ^
      compiled code at target/compiled/shop/models/daily/daily_2020-01-02.sql
    "#);
    assert_eq!(project.query("select count(*) from main.daily"), ["4"]);
}

#[test]
fn without_the_first_batch_the_others_do_not_run() {
    let project = shop(
        &(config("")
            + "select id, stamp from {{ ref('events') }} {% if model.batch.id == '20200101' %} where no_such {% endif %}"),
    );
    let call = project.kpi(&window("2020-01-01", "2020-01-04", &[])).expect(1);
    assert_eq!(batches(&project), "|01 02 03");
    assert_eq!(result(&project)["status"], "error");
    assert_eq!(
        lines(&call),
        [
            "Batch 1 of 3 START batch 2020-01-01 of main.daily",
            "Batch 1 of 3 ERROR creating batch 2020-01-01 of main.daily",
            "Batch 2 of 3 SKIP batch 2020-01-02 of main.daily",
            "Batch 3 of 3 SKIP batch 2020-01-03 of main.daily",
        ]
    );
    assert_eq!(
        project.query("select count(*) from information_schema.tables where table_name = 'daily'"),
        ["0"]
    );
}

#[test]
fn hooks_run_before_the_first_and_after_the_last_batch() {
    let hooks = ", pre_hook=\"create table if not exists main.log as select '{{ model.batch.id }}' as batch\", \
                 post_hook=\"insert into main.log values ('{{ model.batch.id }}')\"";
    let project = shop(&(config(hooks) + "select id, stamp from {{ ref('events') }}"));
    project.kpi(&window("2020-01-01", "2020-01-04", &[])).expect(0);
    assert_eq!(project.query("select batch from main.log order by 1"), ["20200101", "20200103"]);
}

#[test]
fn inputs_are_filtered_unless_they_are_rendered_or_have_no_event_time() {
    let project = shop(&(config("") + "select id, stamp from {{ ref('events').render() }}"));
    project.kpi(&window("2020-01-02", "2020-01-03", &[])).expect(0);
    assert_eq!(
        project.query("select count(*) from main.daily"),
        ["6"],
        "the first batch takes all that it reads"
    );
    project.write("models/events.sql", EVENTS.replace(", event_time='stamp'", ""));
    project.write("models/daily.sql", config("") + "select id, stamp from {{ ref('events') }}");
    let call = project.kpi(&window("2020-01-02", "2020-01-03", &["--full-refresh"])).expect(0);
    assert!(
        call.stderr.contains("has no 'ref' or 'source' input with an 'event_time' configuration"),
        "{}",
        call.stderr
    );
    assert_eq!(project.query("select count(*) from main.daily"), ["6"]);
}

#[test]
fn many_batches_run_side_by_side_without_losing_rows() {
    let project =
        shop(&(config("").replace("'day'", "'hour'") + "select id, stamp from {{ ref('events') }}"));
    project.kpi(&window("2020-01-01", "2020-01-04", &["--threads", "4"])).expect(0);
    let call = project.kpi(&window("2020-01-01", "2020-01-04", &["--threads", "4", "--debug"])).expect(0);
    assert_eq!(call.stderr.matches("is being run concurrently").count(), 70);
    assert_eq!(project.query("select count(*), count(distinct id) from main.daily"), ["6|6"]);
}

#[test]
fn a_macro_of_the_projects_own_runs_in_batches_only_if_the_flag_says_so() {
    let project = shop(&(config("") + "select id, stamp from {{ ref('events') }}"));
    project.write(
        "macros/own.sql",
        "{% macro get_incremental_microbatch_sql(arg_dict) %}insert into {{ arg_dict['target_relation'] }} select * from {{ \
         arg_dict['temp_relation'] }}{% endmacro %}",
    );
    let call = project.kpi(&window("2020-01-01", "2020-01-03", &[])).expect(0);
    assert!(
        call.stderr.contains("The use of a custom microbatch macro outside of batched execution"),
        "{}",
        call.stderr
    );
    assert!(lines(&call).is_empty());
    assert_eq!(project.query("select count(*) from main.daily"), ["6"]);
    project.write(
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: shop\nflags: {require_batched_execution_for_custom_microbatch_strategy: true}\n",
    );
    let call = project.kpi(&window("2020-01-01", "2020-01-03", &["--full-refresh"])).expect(0);
    assert_eq!(lines(&call).len(), 4);
    assert_eq!(project.query("select count(*) from main.daily"), ["4"]);
}

#[test]
fn batches_beyond_the_calendar_are_told() {
    let project = shop(&(config(", lookback=9000000") + "select id, stamp from {{ ref('events') }}"));
    project.kpi(&window("2020-01-01", "2020-01-02", &[])).expect(0);
    project.kpi(&["run"]).expect(1);
    assert_snapshot!(result(&project)["message"].as_str().unwrap_or_default(), @"
    Runtime Error in model daily (models/daily.sql) [K0408]
      The batches of microbatch model 'daily' reach beyond the calendar (years 1 to 9999)
      hint: look at its 'lookback' and 'begin', and at --event-time-start and --event-time-end
    ");
}

#[test]
fn a_retry_builds_the_failed_batches_and_keeps_the_others() {
    let model = config("")
        + "select id, stamp from {{ ref('events') }} {% if model.batch and model.batch.id == '20200102' %} where no_such \
           {% endif %}";
    let project = shop(&model);
    project.kpi(&window("2020-01-01", "2020-01-04", &["--full-refresh"])).expect(1);
    assert_eq!(batches(&project), "01 03|02");
    project.write("models/daily.sql", config("") + "select id, stamp from {{ ref('events') }}");
    let call = project.kpi(&["retry"]).expect(0);
    assert_eq!(lines(&call).len(), 2, "one batch: {:?}", lines(&call));
    assert_eq!(batches(&project), "02 01 03|");
    assert_eq!(project.query("select count(*) from main.daily"), ["6"]);
}
