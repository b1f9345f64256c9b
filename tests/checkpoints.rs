//! `kpi checkpoint`: suites judged on what is in the database, as files of Great Expectations say.

use crate::support::Project;
use serde_json::{Value as Json, json};

/// A built project with files as Great Expectations keeps them, before and since 1.0.
fn project(more: &[(&str, &str)]) -> Project {
    let suite = json!({"name": "kpis_suite", "id": "078e", "meta": {}, "notes": null, "expectations": [
        {"type": "expect_column_values_to_be_between", "id": "2f98", "severity": "critical", "meta": {},
         "kwargs": {"column": "rate", "min_value": 0.0, "max_value": {"$PARAMETER": "top"}}},
        {"type": "expect_column_values_to_not_be_null", "severity": "warning", "meta": {}, "kwargs": {"column": "id"}}]});
    let checkpoint = json!({"name": "daily", "id": "6984", "result_format": "SUMMARY",
        "actions": [{"name": "docs", "site_names": [], "type": "update_data_docs"},
                    {"name": "tell", "type": "slack", "slack_webhook": "https://nowhere"}],
        "validation_definitions": [{"id": "8e64", "name": "kpis_vd"}, {"id": "a729", "name": "kpis_q"}]});
    let definition = |name: &str, asset: &str| {
        json!({"id": name, "name": name, "suite": {"id": "078e", "name": "kpis_suite"},
            "data": {"asset": {"id": "e8", "name": asset}, "batch_definition": {"id": "56", "name": "whole"},
                     "datasource": {"id": "f2", "name": "warehouse"}}})
        .to_string()
    };
    let config = "fluent_datasources:
  warehouse:
    type: sql
    assets:
      kpis_asset: {type: table, table_name: kpis}
      kpis_query: {type: query, query: 'select * from main.kpis where id < 2'}
";
    let older = "name: older
config_version: 1.0
class_name: Checkpoint
run_name_template: 'run-%Y'
action_list:
  - name: store_validation_result
    action: {class_name: StoreValidationResultAction}
  - name: store_evaluation_params
    action: {class_name: StoreEvaluationParametersAction}
evaluation_parameters: {top: 300}
validations:
  - batch_request: {datasource_name: w, data_connector_name: d, data_asset_name: main.kpis}
    expectation_suite_name: kpis_suite
";
    let (suite, checkpoint) = (suite.to_string(), checkpoint.to_string());
    let (first, second) = (definition("kpis_vd", "kpis_asset"), definition("kpis_q", "kpis_query"));
    let mut files = vec![
        ("seeds/raw.csv", "id,rate\n1,50\n2,104.5\n3,\n4,250\n"),
        ("models/kpis.sql", "select id, rate from {{ ref('raw') }}"),
        ("gx/expectations/kpis_suite.json", &suite),
        ("gx/checkpoints/daily.json", &checkpoint),
        ("gx/validation_definitions/kpis_vd.json", &first),
        ("gx/validation_definitions/kpis_q.json", &second),
        ("gx/great_expectations.yml", config),
        ("checkpoints/older.yml", older),
    ];
    files.extend_from_slice(more);
    let project = Project::new(&files);
    project.kpi(&["build"]).expect(0);
    project
}

#[test]
fn a_checkpoint_judges_its_suites_on_its_data() {
    let project = project(&[]);
    let call = project.kpi(&["checkpoint", "run", "daily", "--vars", "{top: 100}"]).expect(1);
    insta::assert_snapshot!(call.stdout.trim(), @r"
    | suite      | about      | met    | verdict |
    | ---------- | ---------- | ------ | ------- |
    | kpis_suite | kpis       | 1 of 2 | not met |
    | kpis_suite | kpis_query | 2 of 2 | met     |
    ");
    for text in [
        "The action 'tell' (slack) is ignored: kpi does nothing of the kind",
        "kpis_suite on kpis: expect_column_values_to_be_between: 2 of 3 values of rate outside [0, 100]: 104.5, 250.0",
        "Wrote target/expectations/index.html",
    ] {
        assert!(call.stderr.contains(text), "{text} in {}", call.stderr);
    }
    let result = project.json("target/checkpoints/daily/kpis_suite-kpis.json");
    assert_eq!(result["meta"]["checkpoint_id"], "6984");
    assert_eq!(result["meta"]["validation_id"], "kpis_vd");
    assert_eq!(result["results"][0]["expectation_config"]["kwargs"]["max_value"], 100.0);
    let described = project.json("target/checkpoints/daily.json");
    assert_eq!(
        described["statistics"],
        json!({"evaluated_validations": 2, "success_percent": 50.0, "successful_validations": 1, "unsuccessful_validations": 1})
    );
    let as_json =
        project.kpi(&["checkpoint", "run", "daily", "--vars", "{top: 100}", "--output", "json"]).expect(1);
    assert_eq!(serde_json::from_str::<Json>(&as_json.stdout).expect("JSON"), described);
    // What is above is allowed now.
    project.kpi(&["checkpoint", "run", "daily", "--vars", "{top: 1000}"]).expect(0);
}

#[test]
fn a_checkpoint_before_1_0_is_run_as_it_is() {
    let project = project(&[]);
    let call = project.kpi(&["checkpoint", "run", "older", "--result-format", "COMPLETE"]).expect(0);
    assert!(
        call.stderr.contains("'store_evaluation_params' (StoreEvaluationParametersAction) is ignored"),
        "{}",
        call.stderr
    );
    let result = project.json("target/checkpoints/older/kpis_suite-kpis.json");
    assert!(result["meta"]["run_id"]["run_name"].as_str().is_some_and(|name| name.starts_with("run-2")));
    assert_eq!(result["results"][0]["result"]["unexpected_list"], json!([]));
    let call = project.kpi(&["checkpoint", "list"]).expect(0);
    assert_eq!(call.stdout, "older  checkpoints/older.yml\ndaily  gx/checkpoints/daily.json\n");
}

#[test]
fn wrong_checkpoints_are_refused_with_their_place() {
    let text = |path: &str, text: &str| {
        let name = path.rsplit('/').next().and_then(|file| file.split('.').next()).unwrap_or_default();
        let call = project(&[(path, text)]).kpi(&["checkpoint", "run", name, "--vars", "{top: 1}"]).expect(2);
        let from = call.stderr.find("Parsing Error").unwrap_or_default();
        call.stderr.get(from..).unwrap_or_default().trim().to_owned()
    };
    let texts = [
        text("checkpoints/a.yml", "validations:\n  - expectation_suite_name: kpi_suite\n"),
        text("checkpoints/b.yml", "validatons: []\n"),
        text("checkpoints/c.yml", "template_name: other\nvalidations: []\n"),
        text(
            "checkpoints/d.yml",
            "validations:\n  - expectation_suite_name: kpis_suite\n    batch_request: {data_asset_name: leads}\n    runtime_configuration: {result_format: ALL}\n",
        ),
        text(
            "checkpoints/e.json",
            "{\"name\": \"e\", \"validation_definitions\": [{\"name\": \"nothing\"}]}",
        ),
        text("checkpoints/f.yml", "- 1\n"),
        text("checkpoints/g.yml", "validations: []\n"),
        text(
            "checkpoints/h.yml",
            "validations:\n  - expectation_suite_name: kpis_suite\n    batch_request: {data_asset_name: leads}\n",
        ),
    ];
    insta::assert_snapshot!(texts.join("\n\n"));
    let call = project(&[]).kpi(&["checkpoint", "run", "dayly"]).expect(2);
    assert!(
        call.stderr.contains("there is no checkpoint 'dayly'")
            && call.stderr.contains("did you mean 'daily'?"),
        "{}",
        call.stderr
    );
    let call = project(&[]).kpi(&["checkpoint", "run", "daily"]).expect(2);
    assert!(call.stderr.contains("the parameter 'top' has no value in this run"), "{}", call.stderr);
}

#[test]
fn a_batch_definition_that_divides_its_data_is_refused() {
    let config = "fluent_datasources:
  warehouse:
    type: sql
    assets:
      kpis_asset:
        type: table
        table_name: kpis
        batch_definitions:
          whole:
            partitioner: {column_name: d, method_name: partition_on_year, sort_ascending: true}
      kpis_query: {type: query, query: 'select * from main.kpis where id < 2', batch_definitions: {whole: {partitioner:}}}
";
    let project = project(&[("gx/great_expectations.yml", config)]);
    let call = project.kpi(&["checkpoint", "run", "daily", "--vars", "{top: 1}"]).expect(2);
    let from = call.stderr.find("Parsing Error").unwrap_or_default();
    insta::assert_snapshot!(call.stderr.get(from..).unwrap_or_default().trim());
}
