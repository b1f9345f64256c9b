//! Resources that later rooms fill with life: semantic models, metrics, saved queries. Here they get ids,
//! dependencies and their form in the manifest.

use super::config::ConfigTrees;
use super::drafts::{folders, fqn, relative_path};
use super::static_refs::{self, Reference};
use super::{Parser, Registry, semantic_checks};
use crate::lookup::Found;
use crate::{Config, RefCall, ResourceType, node_json};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_project::{Package, PropertyFile};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

type Section = IndexMap<Arc<str>, Json>;

/// An entry of a section, with where it stands.
struct Entry<'p> {
    package: &'p Package,
    file: &'p PropertyFile,
    name: &'p str,
    fields: &'p Map<String, Json>,
}

fn entries<'p>(parser: &'p Parser, section: &'static str) -> impl Iterator<Item = Entry<'p>> {
    parser.project().packages.iter().flat_map(move |package| {
        package.properties.iter().flat_map(move |file| {
            let list = file.other.get(section).and_then(Json::as_array);
            list.into_iter().flatten().filter_map(move |entry| {
                let fields = entry.as_object()?;
                Some(Entry { package, file, name: fields.get("name")?.as_str()?, fields })
            })
        })
    })
}

impl Entry<'_> {
    fn field(&self, key: &str) -> Json {
        self.fields.get(key).cloned().unwrap_or(Json::Null)
    }

    /// The fields that all resources have, in dbt's order.
    fn head(&self, resource_type: ResourceType, id: &str, inner: &[&str]) -> Map<String, Json> {
        let relative = relative_path(self.package, &self.file.path);
        let (own, between) =
            inner.split_last().map_or((self.name, &[][..]), |(own, between)| (*own, between));
        let fqn = fqn(&self.package.name, folders(relative).chain(between.iter().copied()), &own.into());
        let mut map = Map::new();
        map.insert("name".into(), self.name.into());
        map.insert("resource_type".into(), resource_type.as_str().into());
        map.insert("package_name".into(), (&*self.package.name).into());
        map.insert("path".into(), relative.into());
        map.insert("original_file_path".into(), (&*self.file.path).into());
        map.insert("unique_id".into(), id.into());
        map.insert("fqn".into(), fqn.iter().map(|part| Json::from(&**part)).collect());
        map
    }

    fn config(&self, parser: &Parser, resource_type: ResourceType) -> Config {
        let mut set = self.fields.get("config").and_then(Json::as_object).cloned().unwrap_or_default();
        for key in ["group", "meta", "enabled"] {
            // A metric's own `meta` is not part of its config.
            if key == "meta" && resource_type == ResourceType::Metric {
                continue;
            }
            if let Some(value) = self.fields.get(key).filter(|v| !v.is_null())
                && !set.contains_key(key)
            {
                set.insert(key.to_owned(), value.clone());
            }
        }
        let relative = relative_path(self.package, &self.file.path);
        let fqn = fqn(&self.package.name, folders(relative), &self.name.into());
        let trees = ConfigTrees::new(parser.project());
        match trees.resolve(resource_type, &self.package.name, &fqn, Some(&set), &Map::new()) {
            Ok(resolved) => resolved.config,
            Err(message) => {
                parser.warnings.lock().push(
                    Diagnostic::error("K0508", "Parsing Error", message)
                        .with_span(Span::whole(self.file.file.clone()))
                        .with_node(format!("{} {} ({})", resource_type.as_str(), self.name, self.file.path)),
                );
                Config::with(resource_type, set)
            }
        }
    }
}

fn depends_on(nodes: Vec<Arc<str>>) -> Json {
    json!({"macros": [], "nodes": nodes.iter().map(|id| &**id).collect::<Vec<_>>()})
}

/// A filter as a list of templates.
fn filter_of(value: &Json) -> Json {
    let texts: Vec<&Json> = match value {
        Json::String(_) => vec![value],
        Json::Array(texts) => texts.iter().collect(),
        other => return other.clone(),
    };
    json!({"where_filters": texts.iter().map(|text| json!({"where_sql_template": text})).collect::<Vec<_>>()})
}

/// Words of dbt's own, in lower case whatever they were written in.
fn lowered(mut list: Json, keys: &[&str]) -> Json {
    for entry in list.as_array_mut().into_iter().flatten() {
        for key in keys {
            if let Some(Json::String(word)) = entry.get_mut(key) {
                *word = word.to_lowercase();
            }
        }
    }
    list
}

/// A scalar as the text that Python makes of it.
fn as_text(value: &Json) -> Json {
    match value {
        Json::String(_) => value.clone(),
        other => kpi_jinja::Value::from_json(other).to_string().into(),
    }
}

/// `7 days` as `{"count": 7, "granularity": "day"}`.
fn window(value: Json) -> Json {
    let Some((count, unit)) = value.as_str().and_then(|text| text.trim().split_once(' ')) else {
        return value;
    };
    let Ok(count) = count.parse::<i64>() else { return value };
    let unit = unit.trim().to_lowercase();
    let unit = unit.strip_suffix('s').unwrap_or(&unit);
    json!({"count": count, "granularity": unit})
}

/// A list of objects with the fields of `template` laid under each.
fn filled(list: &Json, template: &Json) -> Json {
    let Some(items) = list.as_array() else { return json!([]) };
    Json::Array(items.iter().map(|item| over(template, item)).collect())
}

fn over(template: &Json, item: &Json) -> Json {
    let mut map = template.as_object().cloned().unwrap_or_default();
    match item {
        Json::Object(given) => map.extend(given.iter().map(|(k, v)| (k.clone(), v.clone()))),
        Json::String(name) => {
            map.insert("name".into(), name.as_str().into());
        }
        _ => {}
    }
    if let Some(config) = map.get_mut("config")
        && config.get("meta").is_none()
    {
        *config = json!({"meta": {}});
    }
    if let Some(filter) = map.get_mut("filter") {
        *filter = filter_of(filter);
    }
    Json::Object(map)
}

impl Parser {
    /// All sections of the manifest that are no nodes.
    pub(super) fn semantic(&self, registry: &mut Registry) -> IndexMap<&'static str, Section> {
        let mut measures: FxHashMap<String, Arc<str>> = FxHashMap::default();
        let mut created: Vec<(Arc<str>, Json)> = Vec::new();
        let semantic_models = self.semantic_models(registry, &mut measures, &mut created);
        let mut metrics = self.metrics(registry, &measures);
        for (id, metric) in created {
            metrics.entry(id).or_insert(metric);
        }
        let saved_queries = self.saved_queries(registry, &metrics);
        let unit_tests = self.unit_tests(registry);
        IndexMap::from([
            ("semantic_models", semantic_models),
            ("metrics", metrics),
            ("saved_queries", saved_queries),
            ("unit_tests", unit_tests),
        ])
    }

    /// The model that a `ref()` expression or a name means.
    fn model_of(&self, registry: &Registry, expression: &str, package: &str) -> Option<(RefCall, usize)> {
        let call = match static_refs::parse(expression) {
            Some(Reference::Ref(call)) => call,
            _ => RefCall { package: None, name: expression.trim().into(), version: None },
        };
        match registry.lookup.find_ref(&call, &self.shared.root_package(), package) {
            Found::Here(id) => Some((call, id.0 as usize)),
            _ => None,
        }
    }

    /// Notes an error of an entry.
    fn fault(&self, entry: &Entry<'_>, kind: &'static str, message: String) {
        self.warnings.lock().push(
            Diagnostic::error("K0629", kind, message)
                .with_span(Span::whole(entry.file.file.clone()))
                .with_node(format!("{} ({})", entry.name, entry.file.path)),
        );
    }

    fn described(&self, entry: &Entry<'_>, id: &str) -> Json {
        match entry.fields.get("description") {
            Some(Json::String(text)) => match self.describe(&entry.package.name, id, text) {
                Ok((text, _)) => text.into(),
                Err(error) => {
                    self.warnings.lock().push(error);
                    text.as_str().into()
                }
            },
            _ => Json::Null,
        }
    }

    fn semantic_models(
        &self,
        registry: &mut Registry,
        measures: &mut FxHashMap<String, Arc<str>>,
        created: &mut Vec<(Arc<str>, Json)>,
    ) -> Section {
        let mut found = Section::new();
        for entry in entries(self, "semantic_models") {
            let id: Arc<str> = format!("semantic_model.{}.{}", entry.package.name, entry.name).into();
            let model = entry.fields.get("model").and_then(Json::as_str).unwrap_or_default();
            let target = self.model_of(registry, model, &entry.package.name);
            let node = target.as_ref().and_then(|(_, i)| registry.nodes.get(*i));
            if node.is_none() {
                self.fault(
                    &entry,
                    "Compilation Error",
                    format!(
                        "Semantic_Model '{id}' ({}) depends on a node named '{}' which was not found",
                        entry.file.path,
                        match static_refs::parse(model) {
                            Some(Reference::Ref(call)) => call.name.to_string(),
                            _ => model.to_owned(),
                        }
                    ),
                );
            }
            let config = entry.config(self, ResourceType::SemanticModel);
            for measure in entry.fields.get("measures").and_then(Json::as_array).into_iter().flatten() {
                let Some(name) = measure.get("name").and_then(Json::as_str) else { continue };
                measures.entry(name.to_owned()).or_insert_with(|| id.clone());
                if measure.get("create_metric").and_then(Json::as_bool) == Some(true) {
                    let fields = json!({
                        "name": name, "label": measure.get("label").cloned().unwrap_or_else(|| name.into()),
                        "description": format!("Metric created from measure {name}"),
                        "type": "simple",
                        "type_params": {"measure": name, "expr": measure.get("expr").map_or_else(|| name.into(), as_text)},
                        "config": {"meta": {}, "enabled": true},
                    });
                    if let Json::Object(fields) = fields {
                        let metric =
                            Entry { package: entry.package, file: entry.file, name, fields: &fields };
                        created.push(self.metric(&metric, measures));
                    }
                }
            }
            let mut map = entry.head(ResourceType::SemanticModel, &id, &[]);
            map.insert("model".into(), model.into());
            map.insert(
                "node_relation".into(),
                node.map_or(Json::Null, |node| {
                    json!({
                        "alias": &*node.alias, "schema_name": &*node.schema, "database": node.database.as_deref(),
                        "relation_name": node.relation_name.as_deref(),
                    })
                }),
            );
            map.insert("description".into(), self.described(&entry, &id));
            map.insert("label".into(), entry.field("label"));
            map.insert("defaults".into(), entry.field("defaults"));
            let entity = json!({
                "name": null, "type": null, "description": null, "label": null, "role": null, "expr": null,
                "config": {"meta": {}},
            });
            map.insert("entities".into(), lowered(filled(&entry.field("entities"), &entity), &["type"]));
            let measure = json!({
                "name": null, "agg": null, "description": null, "label": null, "create_metric": false, "expr": null,
                "agg_params": null, "non_additive_dimension": null, "agg_time_dimension": null, "config": {"meta": {}},
            });
            let mut listed = lowered(filled(&entry.field("measures"), &measure), &["agg"]);
            for measure in listed.as_array_mut().into_iter().flatten() {
                let Json::Object(measure) = measure else { continue };
                if let Some(expression) = measure.get_mut("expr").filter(|e| !e.is_null()) {
                    *expression = as_text(expression);
                }
                // Once its metric is made, dbt forgets that it was asked to.
                measure.insert("create_metric".into(), false.into());
                if let Some(Json::Object(params)) = measure.get_mut("agg_params") {
                    for key in ["use_discrete_percentile", "use_approximate_percentile"] {
                        params.entry(key).or_insert(Json::Bool(false));
                    }
                    params.entry("percentile").or_insert(Json::Null);
                }
                if let Some(Json::Object(dimension)) = measure.get_mut("non_additive_dimension") {
                    dimension.entry("window_choice").or_insert_with(|| "min".into());
                    dimension.entry("window_groupings").or_insert_with(|| json!([]));
                }
            }
            map.insert("measures".into(), listed);
            let dimension = json!({
                "name": null, "type": null, "description": null, "label": null, "is_partition": false,
                "type_params": null, "expr": null, "metadata": null, "config": {"meta": {}},
            });
            let mut listed = lowered(filled(&entry.field("dimensions"), &dimension), &["type"]);
            for params in listed.as_array_mut().into_iter().flatten().filter_map(|d| d.get_mut("type_params"))
            {
                if let Json::Object(params) = params {
                    params.entry("validity_params").or_insert(Json::Null);
                    if let Some(Json::String(grain)) = params.get_mut("time_granularity") {
                        *grain = grain.to_lowercase();
                    }
                }
            }
            map.insert("dimensions".into(), listed);
            map.insert("metadata".into(), Json::Null);
            let on = node.map(|node| node.unique_id.clone()).into_iter().collect();
            map.insert("depends_on".into(), depends_on(on));
            let refs = target.map(|(call, _)| vec![call]).unwrap_or_default();
            map.insert("refs".into(), node_json::refs_json(&refs));
            map.insert("created_at".into(), self.created_at.into());
            map.insert("config".into(), Json::Object(config.effective()));
            map.insert("unrendered_config".into(), Json::Object((*config.set).clone()));
            map.insert("primary_entity".into(), entry.field("primary_entity"));
            map.insert("group".into(), config.get("group").unwrap_or(Json::Null));
            self.place(registry, &mut found, id, map, config.enabled());
        }
        found
    }

    /// Puts an entry into its section, or among the disabled.
    fn place(
        &self,
        registry: &mut Registry,
        found: &mut Section,
        id: Arc<str>,
        map: Map<String, Json>,
        enabled: bool,
    ) {
        match enabled {
            true => {
                found.insert(id, Json::Object(map));
            }
            false => registry.disabled_other.push((id, Json::Object(map))),
        }
    }

    fn metrics(&self, registry: &mut Registry, measures: &FxHashMap<String, Arc<str>>) -> Section {
        let mut found = Section::new();
        for entry in entries(self, "metrics") {
            if let Some((message, hint)) = semantic_checks::metric_fault(entry.name, entry.fields) {
                self.warnings.lock().push(
                    Diagnostic::error("K0629", "Parsing Error", message)
                        .with_span(Span::whole(entry.file.file.clone()))
                        .with_node(format!("metric {} ({})", entry.name, entry.file.path))
                        .with_hint(hint),
                );
                continue;
            }
            let (id, metric) = self.metric(&entry, measures);
            if found.contains_key(&id) {
                self.fault(
                    &entry,
                    "Compilation Error",
                    format!(
                        "dbt found two metrics with the name \"{0}\".\n\nSince these resources have the same name, dbt will be \
                         unable to find the correct resource\nwhen looking for {0}.\n\nTo fix this, change the name of one of \
                         these resources.",
                        entry.name
                    ),
                );
            }
            let enabled = entry.config(self, ResourceType::Metric).enabled();
            let Json::Object(map) = metric else { continue };
            if enabled {
                let names = registry.lookup.metrics.entry(entry.name.into()).or_default();
                names.push((entry.package.name.clone(), id.clone()));
            }
            self.place(registry, &mut found, id, map, enabled);
        }
        self.inherit_measures(&mut found);
        found
    }

    fn metric(&self, entry: &Entry<'_>, measures: &FxHashMap<String, Arc<str>>) -> (Arc<str>, Json) {
        let id: Arc<str> = format!("metric.{}.{}", entry.package.name, entry.name).into();
        let measure = json!({
            "name": null, "filter": null, "alias": null, "join_to_timespine": false, "fill_nulls_with": null,
        });
        let input = json!({
            "name": null, "filter": null, "alias": null, "offset_window": null, "offset_to_grain": null,
        });
        let given = entry.fields.get("type_params").and_then(Json::as_object).cloned().unwrap_or_default();
        let mut params = Map::new();
        let maybe = |key: &str, template: &Json| {
            given.get(key).filter(|v| !v.is_null()).map_or(Json::Null, |value| over(template, value))
        };
        let plain = |key: &str| given.get(key).cloned().unwrap_or(Json::Null);
        params.insert("measure".into(), maybe("measure", &measure));
        let mut inputs: Vec<Json> = Vec::new();
        inputs.extend(Some(maybe("measure", &measure)).filter(|m| !m.is_null()));
        let mut conversion = plain("conversion_type_params");
        if let Json::Object(map) = &mut conversion {
            for key in ["base_measure", "conversion_measure"] {
                if let Some(value) = map.get(key).map(|value| over(&measure, value)) {
                    inputs.push(value.clone());
                    map.insert(key.to_owned(), value);
                }
            }
            map.entry("calculation").or_insert_with(|| "conversion_rate".into());
            map.entry("constant_properties").or_insert(Json::Null);
            let length = map.get_mut("window").map_or(Json::Null, |length| window(length.take()));
            map.insert("window".into(), length);
        }
        let mut on: Vec<Arc<str>> = Vec::new();
        for name in inputs.iter().filter_map(|input| input.get("name").and_then(Json::as_str)) {
            match measures.get(name) {
                Some(id) if !on.contains(id) => on.push(id.clone()),
                Some(_) => {}
                None => self.fault(
                    entry,
                    "Parsing Error",
                    format!("A semantic model having a measure `{name}` does not exist but was referenced."),
                ),
            }
        }
        params.insert("input_measures".into(), Json::Array(inputs));
        params.insert("numerator".into(), maybe("numerator", &input));
        params.insert("denominator".into(), maybe("denominator", &input));
        params.insert("expr".into(), plain("expr"));
        params.insert("window".into(), window(plain("window")));
        params.insert("grain_to_date".into(), plain("grain_to_date"));
        let mut listed = filled(&plain("metrics"), &input);
        for offset in listed.as_array_mut().into_iter().flatten().filter_map(|m| m.get_mut("offset_window")) {
            *offset = window(offset.take());
        }
        let named = listed.as_array().into_iter().flatten();
        let ratio = [params.get("numerator"), params.get("denominator")].into_iter().flatten();
        for name in named.chain(ratio).filter_map(|m| m.get("name").and_then(Json::as_str)) {
            let id: Arc<str> = format!("metric.{}.{name}", entry.package.name).into();
            if !on.contains(&id) {
                on.push(id);
            }
        }
        params.insert("metrics".into(), listed);
        params.insert("conversion_type_params".into(), conversion);
        let kind = entry.fields.get("type").and_then(Json::as_str).unwrap_or_default();
        let is_cumulative = kind.eq_ignore_ascii_case("cumulative");
        let given_params = &given;
        let cumulative = match given.get("cumulative_type_params") {
            None | Some(Json::Null) if !is_cumulative => Json::Null,
            given => {
                let fields =
                    json!({"window": null, "grain_to_date": null, "period_agg": "first", "metric": null});
                let mut params = over(&fields, given.unwrap_or(&Json::Null));
                // Where they stood in former times.
                for key in ["window", "grain_to_date"] {
                    if let (Some(old), Some(new)) = (given_params.get(key), params.get_mut(key))
                        && new.is_null()
                    {
                        *new = old.clone();
                    }
                }
                if let Some(length) = params.get_mut("window") {
                    *length = window(length.take());
                }
                params
            }
        };
        params.insert("cumulative_type_params".into(), cumulative);
        params.insert("metric_aggregation_params".into(), Json::Null);
        let config = entry.config(self, ResourceType::Metric);
        let filter = entry.fields.get("filter").map_or(Json::Null, filter_of);
        let mut map = entry.head(ResourceType::Metric, &id, &[]);
        let description = self.described(entry, &id);
        map.insert("description".into(), if description.is_null() { "".into() } else { description });
        map.insert("label".into(), entry.field("label"));
        let kind = entry.fields.get("type").and_then(Json::as_str).unwrap_or("simple").to_lowercase();
        map.insert("type".into(), kind.into());
        map.insert("type_params".into(), Json::Object(params));
        map.insert("filter".into(), filter);
        map.insert("metadata".into(), Json::Null);
        map.insert("time_granularity".into(), entry.field("time_granularity"));
        let mut meta = entry.fields.get("meta").and_then(Json::as_object).cloned().unwrap_or_default();
        meta.extend(config.meta().cloned().unwrap_or_default());
        map.insert("meta".into(), Json::Object(meta));
        map.insert("tags".into(), entry.fields.get("tags").cloned().unwrap_or_else(|| json!([])));
        map.insert("config".into(), Json::Object(config.effective()));
        map.insert("unrendered_config".into(), Json::Object((*config.set).clone()));
        map.insert("sources".into(), json!([]));
        map.insert("depends_on".into(), depends_on(on));
        map.insert("refs".into(), json!([]));
        map.insert("metrics".into(), json!([]));
        map.insert("created_at".into(), self.created_at.into());
        map.insert("group".into(), config.get("group").unwrap_or(Json::Null));
        (id, Json::Object(map))
    }

    /// Gives metrics that are made of metrics the measures of those.
    fn inherit_measures(&self, metrics: &mut Section) {
        fn collect(metrics: &Section, id: &str, depth: usize, found: &mut Vec<Json>) {
            let Some(metric) = metrics.get(id).filter(|_| depth < 50) else { return };
            let own = metric.pointer("/type_params/input_measures").and_then(Json::as_array);
            for measure in own.into_iter().flatten() {
                if !found.contains(measure) {
                    found.push(measure.clone());
                }
            }
            for id in crate::graph::dependencies_of_entry(metric).filter(|id| id.starts_with("metric.")) {
                collect(metrics, id, depth + 1, found);
            }
        }
        let ids: Vec<Arc<str>> = metrics.keys().cloned().collect();
        for id in ids {
            let mut found = Vec::new();
            collect(metrics, &id, 0, &mut found);
            if let Some(Json::Object(params)) =
                metrics.get_mut(&id).and_then(|metric| metric.get_mut("type_params"))
            {
                params.insert("input_measures".into(), Json::Array(found));
            }
        }
    }

    fn saved_queries(&self, registry: &mut Registry, metrics: &Section) -> Section {
        let mut found = Section::new();
        for entry in entries(self, "saved_queries") {
            let id: Arc<str> = format!("saved_query.{}.{}", entry.package.name, entry.name).into();
            let config = entry.config(self, ResourceType::SavedQuery);
            let given = entry.fields.get("query_params").cloned().unwrap_or_else(|| json!({}));
            let mut on = Vec::new();
            for name in
                given.get("metrics").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
            {
                let metric: Arc<str> = format!("metric.{}.{name}", entry.package.name).into();
                match metrics.contains_key(&metric) {
                    true => on.push(metric),
                    false => self.fault(
                        &entry,
                        "Compilation Error",
                        format!(
                            "Saved_Query '{id}' ({}) depends on a metric named '{name}' which was not found",
                            entry.file.path
                        ),
                    ),
                }
            }
            let mut params = over(
                &json!({"metrics": [], "group_by": [], "where": null, "order_by": [], "limit": null}),
                &given,
            );
            if let Some(filter) = params.get_mut("where") {
                *filter = filter_of(filter);
            }
            let exports: Vec<Json> = entry
                .fields
                .get("exports")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .map(|export| {
                    let unrendered = export.get("config").cloned().unwrap_or_else(|| json!({}));
                    let get = |key: &str| unrendered.get(key).cloned();
                    json!({
                        "name": export.get("name"),
                        "config": {
                            "export_as": get("export_as").and_then(|k| Some(k.as_str()?.to_lowercase())).unwrap_or_else(|| "table".into()),
                            "schema_name": get("schema").unwrap_or_else(|| (&*self.shared.facts.schema).into()),
                            "alias": get("alias").or_else(|| export.get("name").cloned()),
                            "database": self.shared.facts.database.as_deref(),
                        },
                        "unrendered_config": unrendered,
                    })
                })
                .collect();
            let mut map = entry.head(ResourceType::SavedQuery, &id, &[]);
            map.insert("query_params".into(), params);
            map.insert("exports".into(), Json::Array(exports));
            map.insert("description".into(), self.described(&entry, &id));
            map.insert("label".into(), entry.field("label"));
            map.insert("metadata".into(), Json::Null);
            map.insert("config".into(), Json::Object(config.effective()));
            map.insert("unrendered_config".into(), Json::Object((*config.set).clone()));
            map.insert("group".into(), config.get("group").unwrap_or(Json::Null));
            map.insert("depends_on".into(), depends_on(on));
            map.insert("created_at".into(), self.created_at.into());
            map.insert("refs".into(), json!([]));
            map.insert("tags".into(), entry.fields.get("tags").cloned().unwrap_or_else(|| json!([])));
            self.place(registry, &mut found, id, map, config.enabled());
        }
        found
    }
}
