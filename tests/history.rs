//! Tables that grow: incremental models and snapshots.

use crate::support::Project;

#[test]
fn an_incremental_run_that_fails_leaves_the_columns_as_they_were() {
    let project = Project::dbt(&[(
        "models/m.sql",
        "{{ config(materialized='incremental', on_schema_change='sync_all_columns', unique_key='id',
            incremental_predicates=['nope > 1']) }}
        select 1 as id, {% if is_incremental() %} 'n' as added {% else %} 'x' as gone {% endif %}",
    )]);
    project.kpi(&["run"]).expect(0);
    project.kpi(&["run"]).expect(1);
    let shown = project.kpi(&["show", "--inline", "select * from {{ target.schema }}.m"]).expect(0);
    assert!(shown.stdout.contains("gone") && !shown.stdout.contains("added"), "{}", shown.stdout);
}

#[test]
fn a_snapshot_is_no_table() {
    let project = Project::dbt(&[(
        "snapshots/s.sql",
        "{% snapshot s %}
        {{ config(strategy='check', unique_key='id', check_cols='all', materialized='table') }}
        select 1 as id
        {% endsnapshot %}",
    )]);
    let call = project.kpi(&["snapshot"]).expect(2);
    let words = "A snapshot must have a materialized value of 'snapshot'";
    assert!(call.stderr.contains(words), "{}", call.stderr);
}

#[test]
fn the_relation_of_a_snapshot_is_an_expression() {
    for (relation, words) in [
        ("\"{{ ref('m') }}\"", "Invalid jinja expression: {{ ref('m') }}"),
        ("m", "Invalid ref or source expression: m"),
    ] {
        let properties = format!(
            "snapshots:\n  - name: s\n    relation: {relation}\n    config: {{strategy: check, unique_key: id, check_cols: all}}\n"
        );
        let project = Project::dbt(&[("models/m.sql", "select 1 as id"), ("snapshots/s.yml", &properties)]);
        let call = project.kpi(&["parse"]).expect(2);
        assert!(call.stderr.contains(words), "{}", call.stderr);
    }
}

#[test]
fn a_seed_needs_a_delimiter_of_one_character() {
    for delimiter in ["", "||"] {
        let properties = format!("seeds:\n  - name: s\n    config: {{delimiter: '{delimiter}'}}\n");
        let project = Project::dbt(&[("seeds/s.csv", "a|b\n1|2\n"), ("seeds/s.yml", &properties)]);
        let call = project.kpi(&["seed"]).expect(1);
        let words = "\"delimiter\" must be a 1-character string";
        assert!(call.stderr.contains(words), "{}", call.stderr);
    }
}
