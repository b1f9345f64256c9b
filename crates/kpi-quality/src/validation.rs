//! Validation results: what came of a suite, in the form that Great Expectations writes.

use crate::expectation::Expectation;
use crate::outcome::{Failure, Outcome};
use serde_json::{Map, Value as Json, json};

/// An expectation and what came of it.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// The expectation.
    pub expectation: &'a Expectation,
    /// What came of it.
    pub outcome: &'a Result<Outcome, Failure>,
}

/// What a validation was about.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The suite.
    pub suite: String,
    /// The relation, as people know it.
    pub subject: String,
    /// The run, as an id.
    pub run_id: String,
    /// When, in ISO form.
    pub run_time: String,
    /// Whose numbers.
    pub version: String,
    /// What the run is called.
    pub run_name: Option<String>,
    /// The checkpoint and the validation in it, by id.
    pub checkpoint: Option<String>,
    /// The validation definition.
    pub validation: Option<String>,
}

/// The validation result of a suite.
pub fn result(about: &About, judged: &[Judged<'_>]) -> Json {
    let batch = format!("kpi-{}", about.subject);
    let results: Vec<Json> = judged.iter().map(|j| one(j, &batch)).collect();
    let met = judged.iter().filter(|j| matches!(j.outcome, Ok(outcome) if outcome.success)).count();
    let all = judged.len();
    #[allow(clippy::cast_precision_loss)]
    let percent = if all == 0 { Json::Null } else { Json::from(met as f64 / all as f64 * 100.0) };
    json!({
        "success": met == all,
        "results": results,
        "suite_name": about.suite,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": all,
            "successful_expectations": met,
            "unsuccessful_expectations": all - met,
            "success_percent": percent,
        },
        "meta": {
            "great_expectations_version": crate::REFERENCE_VERSION,
            "kpi_version": about.version,
            "active_batch_definition": {
                "datasource_name": "kpi",
                "data_connector_name": "kpi",
                "data_asset_name": about.subject,
                "batch_identifiers": {},
            },
            "batch_spec": {"table_name": about.subject},
            "batch_markers": {"ge_load_time": about.run_time},
            "run_id": {"run_name": about.run_name.as_ref().unwrap_or(&about.run_id), "run_time": about.run_time},
            "checkpoint_id": about.checkpoint,
            "validation_id": about.validation,
        },
        "id": null,
    })
}

fn one(judged: &Judged<'_>, batch: &str) -> Json {
    let expectation = judged.expectation;
    let mut kwargs = expectation.kwargs_json();
    kwargs.insert("batch_id".into(), Json::from(batch));
    let mut config = Map::new();
    config.insert("type".into(), Json::from(expectation.spec.name));
    config.insert("kwargs".into(), Json::Object(kwargs));
    config.insert("meta".into(), expectation.meta.clone().unwrap_or_else(|| json!({})));
    config.insert("severity".into(), Json::from(expectation.severity.as_str()));
    if let Some(id) = &expectation.id {
        config.insert("id".into(), Json::from(id.as_str()));
    }
    let (success, result, message) = match judged.outcome {
        Ok(outcome) => (outcome.success, outcome.result.clone(), None),
        Err(failure) => (false, Map::new(), Some(failure.message.as_str())),
    };
    let reason = match judged.outcome {
        Ok(outcome) => outcome.reason.as_ref(),
        Err(_) => None,
    };
    json!({
        "success": success,
        "expectation_config": config,
        "result": result,
        "meta": reason.map_or_else(|| json!({}), |reason| json!({"kpi": {"reason": reason}})),
        "exception_info": {
            "raised_exception": message.is_some(),
            "exception_traceback": message.map(|_| ""),
            "exception_message": message,
        },
    })
}
