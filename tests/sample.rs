//! `--sample`: builds on a window of event time.

use crate::support::Project;
use insta::assert_snapshot;

fn shop() -> Project {
    Project::dbt(&[
        (
            "models/events.sql",
            "{{ config(materialized='table', event_time='stamp') }}\n\
             select i as id, timestamp '2020-01-01' + interval (i) day as stamp from range(5) t(i)",
        ),
        ("models/copy.sql", "{{ config(materialized='table') }} select * from {{ ref('events') }}"),
        (
            "models/whole.sql",
            "{{ config(materialized='table') }} select *, '{{ invocation_args_dict.sample }}' as s from {{ ref('events').render() }}",
        ),
    ])
}

#[test]
fn inputs_with_an_event_time_are_read_within_the_window() {
    let project = shop();
    project.kpi(&["run", "--sample", "{start: '2020-01-02', end: '2020-01-04'}"]).expect(0);
    assert_eq!(project.query("select id from main.copy order by 1"), ["1", "2"]);
    let said = "SampleWindow(start=datetime.datetime(2020, 1, 2, 0, 0, tzinfo=<UTC>), end=datetime.datetime(2020, 1, 4, 0, 0, \
                tzinfo=<UTC>))";
    assert_eq!(project.query("select count(*), any_value(s) from main.whole"), [format!("5|{said}")]);
    project.kpi_with(&[("DBT_SAMPLE", "1 day")], &["run"]).expect(0);
    assert_eq!(project.query("select count(*) from main.copy"), ["0"], "nothing is as new as that");
    project.kpi(&["run"]).expect(0);
    assert_eq!(project.query("select count(*) from main.copy"), ["5"]);
}

#[test]
fn batches_are_cut_to_the_sample() {
    let project = shop();
    project.write(
        "models/daily.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='stamp', batch_size='day', \
         begin='2020-01-01') }} select * from {{ ref('events') }}",
    );
    project.kpi(&["run", "--sample", "{start: '2020-01-02 10:00:00', end: '2020-01-03 05:00:00'}"]).expect(0);
    assert_snapshot!(project.read("target/compiled/shop/models/daily/daily_2020-01-02.sql").trim(), @r#"select * from (select * from "shop"."main"."events" where stamp >= '2020-01-02 10:00:00+00:00' and stamp < '2020-01-03 00:00:00+00:00')"#);
    assert_snapshot!(project.read("target/compiled/shop/models/daily/daily_2020-01-03.sql").trim(), @r#"select * from (select * from "shop"."main"."events" where stamp >= '2020-01-03 00:00:00+00:00' and stamp < '2020-01-03 05:00:00+00:00')"#);
}

#[test]
fn what_is_no_window_is_told() {
    let said = |sample: &str| shop().kpi(&["run", "--sample", sample]).expect(2).stderr;
    assert_snapshot!(said("soon"), @"
    Usage: kpi run [OPTIONS]
    Try 'kpi run --help' for help.

    Error: Cannot load SAMPLE_WINDOW from 'soon'. Must be of form 'DAYS_INT GRAIN_SIZE'. [K0014]
      hint: --sample '3 days', or --sample '{start: 2024-01-01, end: 2024-01-31}'
    ");
    assert_snapshot!(said("3 weeks"), @"
    Usage: kpi run [OPTIONS]
    Try 'kpi run --help' for help.

    Error: Invalid grain size 'weeks'. Must be one of ['hour', 'day', 'month', 'year', 'hours', 'days', 'months', 'years']. [K0014]
      hint: --sample '3 days', or --sample '{start: 2024-01-01, end: 2024-01-31}'
    ");
    assert_snapshot!(said("{start: '2020-01-02'}"), @"
    Usage: kpi run [OPTIONS]
    Try 'kpi run --help' for help.

    Error: --sample has no 'end' [K0014]
      hint: --sample '3 days', or --sample '{start: 2024-01-01, end: 2024-01-31}'
    ");
}
