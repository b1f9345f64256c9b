//! `adapter` and query results in templates, on a real database.

use kpi_adapter::{
    Adapter, AdapterFacts, AdapterObject, ApiObject, NodeConnection, Policy, RelationCache, SeedTable,
};
use kpi_diagnostics::SourceFile;
use kpi_duckdb::DuckDbAdapter;
use kpi_jinja::{Context, Environment, Interp, MacroTable, Result, Template, UndefinedMode, Value, function};
use std::sync::Arc;

struct Node {
    adapter: Value,
}

impl Context for Node {
    fn lookup(&self, name: &str) -> Option<Value> {
        match name {
            "adapter" => Some(self.adapter.clone()),
            "api" => Some(Value::object(ApiObject { quote: Policy::ALL, column_rules: Default::default() })),
            "return" => None,
            "tojson" => Some(function("tojson", |_, args| {
                let [value] = args.bind("tojson", ["value"])?;
                Ok(Value::from(value.unwrap_or(Value::None).to_json()?.to_string()))
            })),
            _ => None,
        }
    }

    fn names(&self) -> Vec<Arc<str>> {
        vec!["adapter".into(), "api".into()]
    }

    fn package(&self) -> &str {
        "shop"
    }
}

/// Macros that the adapter calls; those of the project `shop` override the built-in ones.
const BUILT_IN: &str = "
{% macro drop_relation(relation) %}{{ adapter.dispatch('drop_relation', 'dbt')(relation) }}{% endmacro %}
{% macro default__drop_relation(relation) %}{% do adapter.execute('drop ' ~ relation.type ~ ' if exists ' ~ relation) %}{% endmacro %}
{% macro rename_relation(from_relation, to_relation) %}
  {% do adapter.execute('alter ' ~ from_relation.type ~ ' ' ~ from_relation ~ ' rename to ' ~ to_relation.identifier) %}
{% endmacro %}
{% macro create_schema(relation) %}{% do adapter.execute('create schema if not exists ' ~ relation) %}{% endmacro %}
{% macro get_incremental_merge_sql(arg_dict) %}merge {{ arg_dict.x }}{% endmacro %}
";

struct World {
    interp: Interp,
    adapter: Arc<DuckDbAdapter>,
}

fn world(project: &str) -> World {
    let adapter = Arc::new(DuckDbAdapter::in_memory());
    let facts = Arc::new(adapter.facts().with_project("shop"));
    let connection = Arc::new(NodeConnection::new(adapter.clone(), "model.shop.x", None, true));
    let object = AdapterObject::running(facts, connection, Arc::new(RelationCache::new()));
    World { interp: interp(project, object), adapter }
}

fn interp(project: &str, object: AdapterObject) -> Interp {
    let mut macros = MacroTable::default();
    macros.root_package = "shop".into();
    macros.internal_packages = vec!["dbt".into()];
    macros.adapter_prefixes = vec!["duckdb".into()];
    for (package, text) in [("dbt", BUILT_IN), ("shop", project)] {
        let file = SourceFile::new(format!("macros/{package}.sql"), text);
        macros.add_file(&Arc::from(package), "macros/m.sql", &file).expect("macros parse");
    }
    let env = Environment { macros, globals: Default::default(), undefined: UndefinedMode::Strict };
    Interp::new(Arc::new(env), Arc::new(Node { adapter: object.into_value() }))
}

fn render(interp: &mut Interp, text: &str) -> Result<String> {
    interp.render(&Template::parse_str("models/x.sql", text)?)
}

fn shown(text: &str) -> String {
    render(&mut world("").interp, text).expect("renders")
}

/// `{{ expression }}` where `t` is the table of `sql`.
fn of_query(sql: &str, expression: &str) -> String {
    shown(&format!("{{% set t = adapter.execute(\"{sql}\", fetch=true)[1] %}}{{{{ {expression} }}}}"))
}

// The texts are what dbt prints for the same templates.
#[test]
fn results_print_as_in_dbt() {
    assert_eq!(of_query("select 1 as n, 'a' as s", "t.rows[0].values()"), "(1, 'a')");
    assert_eq!(of_query("select 1 as n, 'a' as s", "t.rows[0].keys()"), "('n', 's')");
    assert_eq!(
        of_query("select 1 as n, 'a' as s", "t.rows[0].dict()"),
        "OrderedDict([('n', 1), ('s', 'a')])"
    );
    assert_eq!(of_query("select 1 as a, 2 as a", "t.column_names"), "('a', 'a_2')");
    assert_eq!(
        of_query("select 1 as a where false", "t.rows|length ~ t.columns[0].values()|list ~ t|length"),
        "0[]0"
    );
    assert_eq!(
        of_query(
            "select 1.0::double as a union all select 2.0::double order by 1",
            "t.columns[0].values()|list"
        ),
        "[Decimal('1.0'), Decimal('2.0')]"
    );
    assert_eq!(of_query("select 1e10::double as a", "t.rows[0][0]"), "10000000000.0");
    assert_eq!(
        of_query(
            "select 1 as i, 1.5::double as f, 2.50::decimal(5,2) as d, true as b, null as n, 'txt' as s, 9007199254740993 as big",
            "t.rows[0].values()|list"
        ),
        "[1, Decimal('1.5'), Decimal('2.50'), True, None, 'txt', 9007199254740993]"
    );
    assert_eq!(
        of_query("select 'true' as a, 'null' as b, '' as c, '2024-01-01' as d", "t.rows[0].values()"),
        "('true', 'null', '', '2024-01-01')"
    );
    assert_eq!(
        of_query(
            "select date '2024-02-29' as d, timestamp '2024-01-02 03:04:05' as ts",
            "t.rows[0].d ~ '|' ~ t.rows[0].ts ~ '|' ~ t.rows[0].d.year ~ '|' ~ t.rows[0].ts.strftime('%H:%M')"
        ),
        "2024-02-29|2024-01-02 03:04:05|2024|03:04"
    );
    assert_eq!(
        of_query("select [1, 2] as l, {'a': 'x'} as s", "t.rows[0].values()"),
        r#"('[1, 2]', '{"a": "x"}')"#
    );
    assert_eq!(
        of_query("select unnest(['b', 'a', null]) as x", "t.columns.x.values_sorted()"),
        "['a', 'b', None]"
    );
    assert_eq!(of_query("select unnest([3, 1]) as x", "t.order_by('x').columns[0].values()"), "(1, 3)");
    assert_eq!(of_query("select 1 as a, 2 as b", "t.select(['b']).rows[0]"), "<agate.Row: (2)>");
    assert_eq!(of_query("select 1 as a", "'T' if t else 'F'"), "T");
    assert_eq!(of_query("select 1 as a where false", "'T' if t else 'F'"), "F");
    assert_eq!(of_query("select 2.5::decimal(3,1) as a", "t.rows[0].a * 2 + 1"), "6.0");
    assert_eq!(of_query("select 2.5::decimal(3,1) as a", "t.rows[0].a > 2"), "True");
    assert_eq!(
        of_query("select unnest(['a', 'b']) as k", "tojson(t.columns[0].values()|list)"),
        r#"["a","b"]"#
    );
    assert_eq!(of_query("select unnest([1, 2, 3]) as x", "t.rows[1:]|length ~ t.rows[-1][0]"), "23");
}

#[test]
fn relations_and_columns_print_as_in_dbt() {
    assert_eq!(
        shown(
            "{% set r = api.Relation.create(database='d', schema='s', identifier='t') %}\
             {{ r.incorporate(path={'identifier': 'u'}) }}|{{ r.incorporate(type='view').type }}|{{ r }}|\
             {{ r.matches(identifier='x') }}|{{ r == api.Relation.create(database='d', schema='s', identifier='t') }}|\
             {{ r is mapping }}|{{ r is none }}|{{ r['schema'] }}|{{ r.get('metadata').type }}"
        ),
        r#""d"."s"."u"|view|"d"."s"."t"|False|True|True|False|s|DuckDBRelation"#
    );
    assert_eq!(
        shown(
            "{% set c = api.Column.create('amt', 'integer') %}{{ c.name }}|{{ c.dtype }}|{{ c.data_type }}|\
             {{ c.quoted }}|{{ c.is_integer() }}|{{ c.is_numeric() }}|{{ c.is_number() }}|{{ c.is_float() }}|{{ c.is_string() }}"
        ),
        "amt|integer|integer|\"amt\"|True|False|True|False|False"
    );
    let error = render(&mut world("").interp, "{{ api.Relation.create(identifier='t', type='tabel') }}");
    assert!(error.expect_err("no such type").message().contains("'tabel'"));
}

#[test]
fn the_cache_follows_what_the_adapter_does() {
    let mut world = world("");
    let text = "\
{%- do adapter.execute('create table t as select 1 as x') -%}
{%- set r = adapter.get_relation('memory', 'main', 't') -%}
{{ r }}|{{ r.type }}|{{ r.is_table }}|{{ adapter.get_relation('memory', 'main', 'none') }}|
{%- do adapter.rename_relation(r, r.incorporate(path={'identifier': 'u'})) -%}
{{ adapter.get_relation('memory', 'main', 't') }}|{{ adapter.get_relation('memory', 'main', 'u') }}|
{%- do adapter.drop_relation(adapter.get_relation('memory', 'main', 'u')) -%}
{{ adapter.get_relation('memory', 'main', 'u') }}|{{ adapter.check_schema_exists('memory', 'main') }}|
{%- do adapter.create_schema(api.Relation.create(database='memory', schema='other')) -%}
{{ adapter.check_schema_exists('memory', 'other') }}";
    let rendered = render(&mut world.interp, text).expect("renders");
    assert_eq!(
        rendered,
        "\"memory\".\"main\".\"t\"|table|True|None|None|\"memory\".\"main\".\"u\"|None|True|True"
    );
    let left = world.adapter.connect("check").expect("opens").list_relations(None, "main").expect("lists");
    assert!(left.is_empty());
    let error = render(
        &mut world.interp,
        "{% do adapter.execute('create table Tt (x int)') %}{{ adapter.get_relation('memory', 'main', 'tT') }}",
    );
    // The schema was listed before: only what the adapter itself does is known.
    assert_eq!(error.expect("renders"), "None");
}

#[test]
fn a_project_may_override_the_steps() {
    let mut world = world(
        "{% macro duckdb__drop_relation(relation) %}{% do adapter.execute('create table dropped as select 1 as x') %}{% endmacro %}
         {% macro get_columns_in_relation(relation) %}{{ return([api.Column.create('mine', 'text')]) }}{% endmacro %}",
    );
    let text = "{% do adapter.drop_relation(api.Relation.create(identifier='t', type='table')) %}\
                {{ adapter.execute('select x from dropped', fetch=true)[1].rows[0][0] }}|\
                {{ adapter.get_columns_in_relation(this_is(1)) }}";
    let text = text.replace("this_is(1)", "api.Relation.create(identifier='t')");
    let rendered = render(&mut world.interp, &text).expect("renders");
    assert!(rendered.starts_with("1|[DuckDBColumn(column='mine'"), "{rendered}");
}

#[test]
fn methods_without_a_database_work() {
    assert_eq!(
        shown(
            "{{ adapter.quote('a') }}|{{ adapter.quote_as_configured('a', 'schema') }}|\
             {{ adapter.quote_seed_column('a', false) }}|{{ adapter.type() }}|{{ adapter.valid_incremental_strategies() }}|\
             {{ adapter.get_incremental_strategy_macro({}, 'merge')({'x': 1}) }}|{{ adapter.is_motherduck() }}|\
             {{ adapter.get_hard_deletes_behavior({'invalidate_hard_deletes': true}) }}"
        ),
        "\"a\"|\"a\"|a|duckdb|['append', 'delete+insert', 'merge', 'microbatch']|merge 1|False|invalidate"
    );
    let message = |text: &str| render(&mut world("").interp, text).expect_err("fails");
    assert!(
        message("{{ adapter.get_incremental_strategy_macro({}, 'insert_overwrite') }}")
            .message()
            .contains("not valid")
    );
    let error = message("{{ adapter.get_relations() }}");
    assert_eq!(error.message(), "'RuntimeDatabaseWrapper' object has no attribute 'get_relations'");
    assert!(message("{{ adapter.dispatch('dbt.x') }}").message().contains("macro_namespace=\"dbt\""));
    let error = message("{{ adapter.execute('selec 1') }}");
    assert_eq!(error.kind(), kpi_jinja::ErrorKind::Database);
}

#[test]
fn parsing_touches_no_database() {
    let object = AdapterObject::parsing(Arc::new(AdapterFacts::duckdb()));
    let mut interp = interp("", object);
    let text = "{{ adapter.get_relation('a', 'b', 'c') }}|{{ adapter.get_columns_in_relation(1) }}|\
                {{ adapter.execute('select 1')[1]|length }}|{{ adapter.check_schema_exists('a', 'b') }}|\
                {{ adapter.quote('x') }}|{{ adapter.drop_relation(none) }}";
    assert_eq!(render(&mut interp, text).expect("renders"), "None|[]|0|False|\"x\"|None");
}

#[test]
fn seeds_go_from_their_file_into_the_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |text: &str| {
        let path = folder.path().join("s.csv");
        std::fs::write(&path, text).expect("writes");
        let seed = SeedTable::read(&path, "seeds/s.csv", b',', &|_| None).expect("reads").into_value();
        let mut world = world(
            "{% macro load(seed) %}{% set types = [] %}{% for c in seed.column_names %}\
            {% do types.append(c ~ ' ' ~ adapter.convert_type(seed, loop.index0)) %}{% endfor %}\
            {% do adapter.execute('create table s (' ~ types|join(', ') ~ ')') %}\
            {% do adapter.load_seed_rows(api.Relation.create(database='memory', schema='main', identifier='s'), seed, {}) %}\
            {{ types }}|{{ seed.rows|length }}|{{ adapter.execute('select * from s', fetch=true)[1].rows|map('list')|list }}{% endmacro %}",
        );
        let loaded = world.interp.call_named("load", kpi_jinja::Args::of([seed]));
        loaded.map(|v| v.to_str().trim().to_owned())
    };
    assert_eq!(
        load("id,name,amount\n1,alpha,10.50\n2,null,\n").expect("loads"),
        "['id integer', 'name text', 'amount float8']|2|[[1, 'alpha', Decimal('10.5')], [2, 'null', None]]"
    );
    // dbt infers numbers here, which only it can read.
    assert_eq!(
        load("id,price\n1,\"$1,000\"\nnull,$5\n").expect("loads"),
        "['id integer', 'price integer']|2|[[1, 1000], [None, 5]]"
    );
}
