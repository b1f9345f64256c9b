//! What packages read and call: settings through `ref.config`, `graph`, `results`, `flags`, the context as a dict.

use crate::support::Project;

/// The text after `name=` in a line that a template printed.
fn printed(text: &str, name: &str) -> String {
    let marker = format!("@{name}=");
    let line = text.lines().find_map(|line| line.split_once(&marker).map(|(_, value)| value.to_owned()));
    line.unwrap_or_else(|| panic!("nothing printed {name} in:\n{text}"))
}

#[test]
fn the_settings_of_project_and_packages_are_read_through_ref() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.2'\nprofile: shop\nvars: {colour: red}\nmodels: {shop: {+tags: [a]}}\n",
        ),
        ("dbt_packages/audit/dbt_project.yml", "name: audit\nversion: '0.7.1'\n"),
        (
            "macros/settings.sql",
            "{% macro settings() %}{% set c = builtins.ref.config %}\
             {% do print('@names=' ~ [c.project_name, c.version, c.target_name, c.threads, c.cli_vars]) %}\
             {% do print('@vars=' ~ c.vars.to_dict()) %}\
             {% do print('@models=' ~ c.models) %}\
             {% do print('@package=' ~ c.dependencies['audit'].version) %}\
             {% do print('@credentials=' ~ [c.credentials.type, c.credentials.schema, c.credentials.password is defined]) %}\
             {% endmacro %}",
        ),
    ]);
    let text = project.kpi(&["run-operation", "settings", "--vars", "{day: 3}"]).expect(0).text();
    assert_eq!(printed(&text, "names"), "['shop', '1.2', 'dev', 2, {'day': 3}]");
    assert_eq!(printed(&text, "vars"), "{'colour': 'red'}");
    assert_eq!(printed(&text, "models"), "{'shop': {'+tags': ['a']}}");
    assert_eq!(printed(&text, "package"), "0.7.1");
    assert_eq!(printed(&text, "credentials"), "['duckdb', 'main', False]");
}

#[test]
fn results_of_a_run_are_as_deep_as_packages_read_them() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-end: \"{{ tell(results) }}\"\n",
        ),
        (
            "models/orders.sql",
            "{{ config(materialized='table', meta={'owner': 'ann'}, colour='red') }} select 1 as id",
        ),
        ("models/s.yml", "models:\n  - name: orders\n    columns: [{name: id, description: the key}]\n"),
        (
            "macros/tell.sql",
            "{% macro tell(results) %}{% for r in results %}{% set n = r.node %}\
             {% do print('@plain=' ~ [r.status, r.failures, r.thread_id is string, n.name, n.config.materialized, n.config.get('colour'), n.config.nothing, n.config.get('nothing', 7)]) %}\
             {% do print('@deep=' ~ [n.depends_on.nodes, n.columns['id'].description, n.is_relational, n.checksum.name, n.compiled_code is string, n.unheard_of is defined]) %}\
             {% set step = r.timing | selectattr('name', 'eq', 'execute') | first %}\
             {% do print('@seconds=' ~ ((step.completed_at - step.started_at).total_seconds() >= 0)) %}\
             {% set d = r.to_dict() %}\
             {% do print('@dict=' ~ [d.node.unique_id, d.agate_table, d.timing | map(attribute='name') | list, d.timing[0].started_at is string, d.node.config.meta.owner, r is mapping]) %}\
             {% do print('@keys=' ~ (d.keys() | sort)) %}\
             {% endfor %}{% endmacro %}",
        ),
    ]);
    let text = project.kpi(&["run"]).expect(0).text();
    assert_eq!(printed(&text, "plain"), "['success', None, True, 'orders', 'table', 'red', None, 7]");
    assert_eq!(printed(&text, "deep"), "[[], 'the key', True, 'sha256', True, False]");
    assert_eq!(printed(&text, "seconds"), "True");
    assert_eq!(
        printed(&text, "dict"),
        "['model.shop.orders', None, ['compile', 'execute'], True, 'ann', False]"
    );
    assert_eq!(
        printed(&text, "keys"),
        "['adapter_response', 'agate_table', 'batch_results', 'execution_time', 'failures', 'message', 'node', \
         'status', 'thread_id', 'timing']"
    );
}

#[test]
fn graph_has_the_sections_of_dbt_and_what_config_calls_said() {
    let project = Project::dbt(&[
        ("models/orders.sql", "{{ config(materialized='table') }} select 1 as id"),
        (
            "macros/look.sql",
            "{% macro look() %}{% do print('@sections=' ~ (graph.keys() | list)) %}\
             {% do print('@call=' ~ graph.nodes['model.shop.orders'].config_call_dict) %}{% endmacro %}",
        ),
    ]);
    let text = project.kpi(&["run-operation", "look"]).expect(0).text();
    assert_eq!(
        printed(&text, "sections"),
        "['exposures', 'functions', 'groups', 'metrics', 'nodes', 'sources', 'semantic_models', 'saved_queries']"
    );
    assert_eq!(printed(&text, "call"), "{'materialized': 'table'}");
}

#[test]
fn flags_and_the_call_are_told_as_dbt_tells_them() {
    let project = Project::dbt(&[(
        "macros/look.sql",
        "{% macro look() %}{% set a = invocation_args_dict %}\
         {% do print('@flags=' ~ [flags.WHICH, flags.FULL_REFRESH is defined, flags.which is defined, flags.THREADS is defined]) %}\
         {% do print('@call=' ~ [a.which, a.vars, a.warn_error_options, a.project_dir is string, a.debug is defined]) %}\
         {% endmacro %}",
    )]);
    let text = project.kpi(&["run-operation", "look", "--vars", "{day: 3}"]).expect(0).text();
    assert_eq!(printed(&text, "flags"), "['run-operation', True, False, False]");
    assert_eq!(
        printed(&text, "call"),
        "['run-operation', {'day': 3}, {'error': [], 'warn': [], 'silence': []}, True, False]"
    );
    let args = &project.json("target/run_results.json")["args"];
    assert_eq!(args["vars"], serde_json::json!({"day": 3}));
}

#[test]
fn an_operation_named_with_its_package_sees_the_names_of_that_package() {
    let project = Project::dbt(&[
        ("dbt_packages/audit/dbt_project.yml", "name: audit\nversion: '1.0'\n"),
        (
            "dbt_packages/audit/macros/all.sql",
            "{% macro outer() %}{{ _inner() }}{% endmacro %}{% macro _inner() %}{% do print('@inner=here') %}{% endmacro %}",
        ),
    ]);
    let text = project.kpi(&["run-operation", "audit.outer"]).expect(0).text();
    assert_eq!(printed(&text, "inner"), "here");
    assert_eq!(project.statuses(), [("macro.audit.outer".to_owned(), "success".to_owned())]);
    assert!(project.path("target/manifest.json").exists());
}

#[test]
fn the_context_is_a_dict_that_templates_may_change() {
    let project = Project::dbt(&[
        (
            "models/orders.sql",
            "{% do context.update({'answer': 42}) %}{% do remember() %}select {{ told() }} as n",
        ),
        (
            "macros/all.sql",
            "{% macro remember() %}{% do context.setdefault('extra', 1) %}{% endmacro %}\
             {% macro told() %}{{ context.get('answer', 0) + context['extra'] }}{% endmacro %}",
        ),
    ]);
    project.kpi(&["run"]).expect(0);
    assert_eq!(project.query("select n from main.orders"), ["43"]);
}

#[test]
fn decimals_have_the_methods_of_python() {
    let project = Project::dbt(&[(
        "macros/look.sql",
        "{% macro look() %}{% set d = run_query('select 2.50::decimal(10,2) as d').rows[0][0] %}\
         {% do print('@tuple=' ~ d.as_tuple() ~ d.normalize().as_tuple()[2]) %}\
         {% do print('@ratio=' ~ d.as_integer_ratio() ~ d.number_class() ~ d.is_signed()) %}{% endmacro %}",
    )]);
    let text = project.kpi(&["run-operation", "look"]).expect(0).text();
    assert_eq!(printed(&text, "tuple"), "DecimalTuple(sign=0, digits=(2, 5, 0), exponent=-2)-1");
    assert_eq!(printed(&text, "ratio"), "(5, 2)+NormalFalse");
}

#[test]
fn a_dispatch_into_a_namespace_that_is_no_package_searches_what_is_visible() {
    let project = Project::dbt(&[
        ("models/orders.sql", "select {{ shorten('x') }} as n"),
        (
            "macros/all.sql",
            "{% macro shorten(x) %}{{ return(adapter.dispatch('shorten', 'macros')(x)) }}{% endmacro %}\
             {% macro default__shorten(x) %}'{{ x }}'{% endmacro %}",
        ),
    ]);
    project.kpi(&["run"]).expect(0);
    assert_eq!(project.query("select n from main.orders"), ["x"]);
}

#[test]
fn a_folder_taken_back_in_the_ignore_file_is_read() {
    let project = Project::dbt(&[
        ("dbt_packages/sums/dbt_project.yml", "name: sums\nversion: '1.0'\n"),
        ("dbt_packages/sums/.dbtignore", "*\n!macros/\n"),
        ("dbt_packages/sums/macros/one.sql", "{% macro one() %}1{% endmacro %}"),
        ("dbt_packages/sums/models/left_out.sql", "select 1 as id"),
        ("models/orders.sql", "select {{ sums.one() }} as n"),
    ]);
    project.kpi(&["run"]).expect(0);
    assert_eq!(project.statuses(), [("model.shop.orders".to_owned(), "success".to_owned())]);
}

#[test]
fn a_blank_line_of_a_seed_counts_as_a_row() {
    let project = Project::dbt(&[("seeds/answers.csv", "answer\nY\nN\n\nN/A")]);
    project.kpi(&["seed"]).expect(0);
    assert_eq!(project.query("select count(*) from main.answers"), ["4"]);
    let results = project.json("target/run_results.json");
    assert_eq!(results["results"][0]["adapter_response"]["rows_affected"], 4);
}

#[test]
fn after_a_failed_unit_test_the_others_of_its_model_are_skipped_in_a_build() {
    let project = Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "select id from {{ ref('a') }}"),
        (
            "models/s.yml",
            "unit_tests:\n  - name: first\n    model: b\n    given: [{input: ref('a'), rows: [{id: 1}]}]\n    expect: {rows: [{id: 2}]}\n\
             \x20 - name: second\n    model: b\n    given: [{input: ref('a'), rows: [{id: 1}]}]\n    expect: {rows: [{id: 1}]}\n",
        ),
    ]);
    project.kpi(&["build"]).expect(1);
    let statuses: Vec<String> =
        project.statuses().into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    assert_eq!(
        statuses,
        [
            "model.shop.a success",
            "model.shop.b skipped",
            "unit_test.shop.b.first fail",
            "unit_test.shop.b.second skipped",
        ]
    );
    project.kpi(&["test"]).expect(1);
    assert!(project.statuses().contains(&("unit_test.shop.b.second".to_owned(), "pass".to_owned())));
}

#[test]
fn compile_renders_the_hooks_of_the_project_too() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: [\"select {{ 40 + 2 }}\"]\n",
        ),
        ("models/a.sql", "select 1 as id"),
    ]);
    project.kpi(&["compile"]).expect(0);
    let manifest = project.json("target/manifest.json");
    assert_eq!(manifest["nodes"]["operation.shop.shop-on-run-start-0"]["compiled_code"], "select 42");
}

#[test]
fn a_disabled_model_may_name_docs_blocks_that_are_not_there() {
    let project = Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        ("models/gone.sql", "{{ config(enabled=false) }} select 1 as id"),
        ("models/s.yml", "models:\n  - name: gone\n    description: \"{{ doc('nowhere') }}\"\n"),
    ]);
    project.kpi(&["run"]).expect(0);
}

#[test]
fn tables_are_grouped_joined_and_turned_as_agate_does() {
    let project = Project::dbt(&[(
        "macros/look.sql",
        "{% macro look() %}\
         {% set t = run_query(\"select * from (values (1,'x',1.5),(2,'y',null),(3,'x',2.25)) v(a,b,c)\") %}\
         {% set other = run_query(\"select * from (values (1,'one'),(5,'five')) v(a,d)\") %}\
         {% set groups = t.group_by('b') %}\
         {% do print('@groups=' ~ groups.keys() ~ groups.values() | map(attribute='rows') | map('length') | list) %}\
         {% do print('@first=' ~ groups['x'].columns['a'].values()) %}\
         {% do print('@join=' ~ t.join(other, 'a', 'a').rows | map('list') | list) %}\
         {% do print('@inner=' ~ t.join(other, 'a', 'a', inner=true).rows | map('list') | list) %}\
         {% do print('@outer=' ~ t.join(other, 'a', 'a', full_outer=true).column_names) %}\
         {% do print('@pivot=' ~ t.pivot('b').rows | map('list') | list) %}\
         {% do print('@long=' ~ t.normalize('a', ['b', 'c']).rows | map('list') | list) %}\
         {% do print('@wide=' ~ t.denormalize('b', 'a', 'c').column_names) %}\
         {% do print('@slug=' ~ t.rename({'a': 'A b'}, slug_columns=true).column_names) %}\
         {% endmacro %}",
    )]);
    let text = project.kpi(&["run-operation", "look"]).expect(0).text();
    assert_eq!(printed(&text, "groups"), "('x', 'y')[2, 1]");
    assert_eq!(printed(&text, "first"), "(1, 3)");
    assert_eq!(
        printed(&text, "join"),
        "[[1, 'x', Decimal('1.50'), 'one'], [2, 'y', None, None], [3, 'x', Decimal('2.25'), None]]"
    );
    assert_eq!(printed(&text, "inner"), "[[1, 'x', Decimal('1.50'), 'one']]");
    assert_eq!(printed(&text, "outer"), "('a', 'b', 'c', 'a2', 'd')");
    assert_eq!(printed(&text, "pivot"), "[['x', Decimal('2')], ['y', Decimal('1')]]");
    assert_eq!(
        printed(&text, "long"),
        "[[1, 'b', 'x'], [1, 'c', '1.50'], [2, 'b', 'y'], [2, 'c', None], [3, 'b', 'x'], [3, 'c', '2.25']]"
    );
    assert_eq!(printed(&text, "wide"), "('b', '1', '2', '3')");
    assert_eq!(printed(&text, "slug"), "('a_b', 'b', 'c')");
}

#[test]
fn a_macro_may_return_out_of_a_call_block() {
    let project = Project::dbt(&[
        ("models/orders.sql", "select {{ values_of('a') | length }} as n"),
        (
            "macros/all.sql",
            "{% macro wrap() %}{{ caller() }}{% endmacro %}\
             {% macro values_of(x) %}{% call wrap() %}{{ return([1, 2]) }}{% endcall %}{{ return([x]) }}{% endmacro %}",
        ),
    ]);
    project.kpi(&["run"]).expect(0);
    assert_eq!(project.query("select n from main.orders"), ["1"]);
}

#[test]
fn ephemeral_models_that_compile_was_asked_for_have_results() {
    let project = Project::dbt(&[
        ("models/a.sql", "{{ config(materialized='ephemeral') }} select 1 as id"),
        ("models/b.sql", "select id from {{ ref('a') }}"),
    ]);
    project.kpi(&["compile"]).expect(0);
    assert_eq!(project.statuses(), [("model.shop.b".to_owned(), "success".to_owned())]);
    project.kpi(&["compile", "--select", "a", "b"]).expect(0);
    assert_eq!(project.statuses().len(), 2);
}

#[test]
fn a_line_end_at_the_end_of_a_property_is_lost() {
    let project = Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        (
            "models/s.yml",
            "models:\n  - name: a\n    config:\n      meta:\n        rule: |\n          one\n          two\n",
        ),
    ]);
    project.kpi(&["parse"]).expect(0);
    assert_eq!(project.json("target/manifest.json")["nodes"]["model.shop.a"]["meta"]["rule"], "one\ntwo");
}

#[test]
fn what_ran_before_a_hook_that_does_not_compile_is_in_the_results() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-end: [\"{{ exceptions.raise_compiler_error('no') if execute }}\"]\n",
        ),
        ("models/a.sql", "select 1 as id"),
    ]);
    let text = project.kpi(&["run"]).expect(2).text();
    assert!(text.contains("shop-on-run-end-0"), "{text}");
    assert_eq!(project.statuses(), [("model.shop.a".to_owned(), "success".to_owned())]);
}

#[test]
fn docs_generate_copies_the_assets() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nasset-paths: [assets, ../elsewhere]\n",
        ),
        ("models/a.sql", "select 1 as id"),
        ("assets/deep/logo.txt", "bread"),
    ]);
    project.kpi(&["docs", "generate"]).expect(0);
    assert_eq!(project.read("target/assets/deep/logo.txt"), "bread");
}

#[cfg(unix)]
#[test]
fn assets_that_cannot_be_copied_are_told() {
    let project = Project::dbt(&[
        ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nasset-paths: [assets]\n"),
        ("models/a.sql", "select 1 as id"),
        ("assets/logo.txt", "bread"),
        ("target/assets", "a file where the folder is to be"),
    ]);
    let text = project.kpi(&["docs", "generate"]).expect(2).text();
    assert!(
        text.contains("assets cannot be written") && text.contains("hint: choose another folder"),
        "{text}"
    );
}

#[test]
fn tags_of_a_test_and_of_its_macro_are_both_kept() {
    let project = Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        ("models/s.yml", "models:\n  - name: a\n    data_tests: [{even: {config: {tags: [mine]}}}]\n"),
        (
            "macros/even.sql",
            "{% test even(model) %}{{ config(tags=['of-the-macro']) }}select * from {{ model }} where id % 2 = 3{% endtest %}",
        ),
    ]);
    project.kpi(&["parse"]).expect(0);
    let manifest = project.json("target/manifest.json");
    let nodes = manifest["nodes"].as_object().expect("nodes");
    let (_, test) = nodes.iter().find(|(id, _)| id.starts_with("test.")).expect("a test");
    let mut tags: Vec<&str> =
        test["tags"].as_array().expect("tags").iter().filter_map(|tag| tag.as_str()).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["mine", "of-the-macro"]);
}
