//! Macros: how they are found, called and left, and what is known about them without rendering.

mod rendering;
use kpi_diagnostics::SourceFile;
use kpi_jinja::*;
use rendering::{render_in, render_with, world};
use std::sync::Arc;

#[test]
fn return_leaves_the_macro_with_a_value_of_any_type() {
    let macros = "{% macro find(l, x) %}{% for i in l %}{% if i == x %}{{ return(loop.index0) }}{% endif %}{% endfor %}{{ return([]) }}{% endmacro %}
{% macro wrap() %}before {{ caller() }} after{% endmacro %}
{% macro give(v) %}ignored{% do return(v) %}ignored{% endmacro %}
{% macro inline(v) %}{{ return(v) if v else 'text' }}{% endmacro %}";
    for (model, expected) in [
        ("{{ find([1, 4], 4) + 1 }}{{ find([], 1) is sequence }}", "2True"),
        ("{% set l = [1] %}{% do give(l).append(2) %}{{ l }}", "[1, 2]"),
        ("{{ give() is none }}", "False"),
        ("{{ inline(5) + 1 }}{{ inline(0) }}", "6text"),
        // The call block's return leaves the macro that runs the block.
        ("{% call wrap() %}{{ return('x') }}{% endcall %}", "x"),
    ] {
        assert_eq!(render_with(macros, model).unwrap(), expected, "{model}");
    }
    assert!(render_with("", "{{ return(1) }}").unwrap_err().message().contains("outside of a macro"));
}

#[test]
fn arguments_are_bound_as_by_jinja2() {
    let macros = "{% macro m(a, b='B', c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}
{% macro rest(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}
{% macro defined(a='d') %}{{ a is defined }}{% endmacro %}
{% macro typed(a: int, b: Dict[str, List[int]] = 5) %}{{ a }}{{ b }}{% endmacro %}
{% macro fresh(l=[]) %}{% do l.append(1) %}{{ l|length }}{% endmacro %}";
    for (model, expected) in [
        ("{{ m(1) }}|{{ m(1, c=2) }}|{{ m(b=1, a=2) }}", "1B1|1B2|212"),
        ("{{ rest(1, 2, x=3) }}", "(2,){'x': 3}"),
        ("{{ defined() }}{{ defined(nope) }}", "TrueFalse"),
        ("{{ typed(1) }}", "15"),
        ("{{ fresh() }}{{ fresh() }}", "11"),
    ] {
        assert_eq!(render_with(macros, model).unwrap(), expected, "{model}");
    }
    for (model, words) in [
        ("{{ m(1, 2, 3, 4) }}", "takes not more than 3 argument(s)"),
        ("{{ m(1, d=2) }}", "takes no keyword argument 'd'"),
        ("{% call m(1) %}{% endcall %}", "special caller argument"),
    ] {
        let error = render_with(macros, model).unwrap_err();
        assert!(error.message().contains(words), "{model}: {error}");
    }
}

#[test]
fn a_bare_name_is_the_nodes_packages_macro_then_the_projects_then_dbts() {
    let files = [
        (
            "shop",
            "{% macro shared() %}shop{% endmacro %}{% macro ref(x) %}my {{ builtins.ref(x) }}{% endmacro %}",
        ),
        ("kit", "{% macro shared() %}kit{% endmacro %}{% macro only_kit() %}{{ shared() }}{% endmacro %}"),
        ("dbt", "{% macro shared() %}dbt{% endmacro %}{% macro internal() %}dbt internal{% endmacro %}"),
        ("dbt_duckdb", "{% macro internal() %}duckdb internal{% endmacro %}"),
    ];
    let mut interp = world(&files, UndefinedMode::Strict);
    for (model, expected) in [
        ("{{ shared() }} {{ kit.shared() }} {{ dbt.shared() }}", "shop kit dbt"),
        ("{{ kit.only_kit() }}", "shop"),
        ("{{ internal() }} {{ dbt.internal() }}", "duckdb internal duckdb internal"),
        ("{{ ref('a') }}", "my <a>"),
        (
            "{{ kit is defined }}{{ kit.nope is defined }}{{ dbt_duckdb is defined }}{{ only_kit is defined }}",
            "TrueFalseFalseFalse",
        ),
        ("{{ context['shared']() }}{{ 'execute' in context }}{{ context.get('nope', 1) }}", "shopTrue1"),
        ("{{ call_named('kit.shared') }}", "kit"),
    ] {
        assert_eq!(render_in(&mut interp, model).unwrap(), expected, "{model}");
    }
}

#[test]
fn dispatch_tries_the_adapter_before_the_default_in_each_package() {
    let files = [
        ("shop", "{% macro default__over() %}shop default{% endmacro %}"),
        (
            "kit",
            "{% macro duckdb__over() %}kit duckdb{% endmacro %}{% macro duckdb__own() %}kit own{% endmacro %}",
        ),
    ];
    let mut interp = world(&files, UndefinedMode::Strict);
    for (model, expected) in [
        ("{{ adapter.dispatch('over', 'kit')() }}", "shop default"),
        ("{{ adapter.dispatch('own', macro_namespace='kit')() }}", "kit own"),
        ("{{ adapter.dispatch('over')() }}", "shop default"),
    ] {
        assert_eq!(render_in(&mut interp, model).unwrap(), expected, "{model}");
    }
    let error = render_in(&mut interp, "{{ adapter.dispatch('own')() }}").unwrap_err();
    assert_eq!(
        error.message(),
        "In dispatch: No macro named 'own' found within namespace: 'None'\n    Searched for: 'duckdb__own', 'default__own'"
    );
    assert_eq!(
        interp.called_macros().iter().map(|id| &**id).collect::<Vec<_>>(),
        ["macro.shop.default__over", "macro.kit.duckdb__own"]
    );
}

#[test]
fn only_the_nodes_own_code_is_lenient_while_dbt_parses() {
    let files = [("shop", "{% macro strict() %}{{ nope() }}{% endmacro %}")];
    let mut interp = world(&files, UndefinedMode::Lenient);
    assert_eq!(render_in(&mut interp, "[{{ nope().x.y(1)['z'] }}]").unwrap(), "[]");
    assert!(render_in(&mut interp, "{{ nope + 1 }}").is_err());
    assert_eq!(render_in(&mut interp, "{{ strict() }}").unwrap_err().message(), "'nope' is undefined");
}

#[test]
fn an_error_names_the_macros_that_led_to_it() {
    let macros =
        "{% macro outer() %}\n{{ inner() }}{% endmacro %}\n{% macro inner() %}{{ 1 / 0 }}{% endmacro %}";
    let error = render_with(macros, "select\n  {{ outer() }}").unwrap_err();
    let text = error.to_diagnostic("Compilation Error", Some("model m (models/m.sql)")).render();
    for words in [
        "Compilation Error in model m (models/m.sql)",
        "division by zero",
        "> in macro inner (macros/shop.sql:3:25)",
        "> called by macro outer (macros/shop.sql:2:4)",
        "> called by model m (models/m.sql:2:6)",
        "3 | {% macro inner() %}{{ 1 / 0 }}{% endmacro %}",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn a_similar_name_is_suggested() {
    let error = render_with("{% macro surrogate_key() %}{% endmacro %}", "{{ surogate_key() }}").unwrap_err();
    let text = error.to_diagnostic("Compilation Error", None).render();
    assert!(text.contains("Did you mean 'surrogate_key'?"), "{text}");
}

#[test]
fn a_file_of_macros_gives_their_names_and_parameters() {
    let text = "{% macro a(x, y=1) %}{% endmacro %}
text in between {{ 'is ignored' }}
{% test unique_pair(model, column_name) %}{% endtest %}
{% data_test other(model) %}{% enddata_test %}
{%- materialization special, adapter='duckdb', supported_languages=['sql', 'python'] -%}{%- endmaterialization -%}";
    let file = SourceFile::new("macros/m.sql", text);
    let macros = MacroTable::parse_file(&Arc::from("shop"), "macros/m.sql", &file).unwrap();
    let ids: Vec<&str> = macros.iter().map(|m| &*m.unique_id).collect();
    assert_eq!(
        ids,
        [
            "macro.shop.a",
            "macro.shop.test_unique_pair",
            "macro.shop.test_other",
            "macro.shop.materialization_special_duckdb"
        ]
    );
    assert_eq!(macros[0].parameters.iter().map(|p| &**p).collect::<Vec<_>>(), ["x", "y"]);
    let languages: Vec<&str> = macros[3].supported_languages.as_ref().unwrap().iter().map(|l| &**l).collect();
    assert_eq!(languages, ["sql", "python"]);

    let broken = SourceFile::new("macros/b.sql", "\n{% macro b() %}\n{{ 1 + }}{% endmacro %}");
    let error = MacroTable::default().add_file(&Arc::from("shop"), "macros/b.sql", &broken).unwrap_err();
    assert!(error.to_diagnostic("Compilation Error", None).render().contains("macros/b.sql:3:8"));

    let twice = SourceFile::new("macros/c.sql", "{% macro c() %}{% endmacro %}{% macro c() %}{% endmacro %}");
    let error = MacroTable::default().add_file(&Arc::from("shop"), "macros/c.sql", &twice).unwrap_err();
    assert!(error.message().contains("multiple macros named \"c\""));
}

#[test]
fn calls_with_constants_are_found_without_rendering_where_that_is_sound() {
    let names = ["ref", "source", "config", "var"];
    let calls = |text: &str| -> Option<Vec<String>> {
        let found = Template::parse_str("m.sql", text).unwrap().static_calls(&names)?;
        Some(
            found
                .into_iter()
                .map(|(name, args)| format!("{name}{:?}{:?}", args.positional, args.keyword))
                .collect(),
        )
    };
    assert_eq!(
        calls(
            "{{ config(materialized='table', tags=['a', 'b'], meta={'k': -1}) }} select * from {{ ref('a', 'b') }}{{ this }}"
        ),
        Some(vec![
            "config[][(\"materialized\", 'table'), (\"tags\", ['a', 'b']), (\"meta\", {'k': -1})]".into(),
            "ref['a', 'b'][]".into()
        ])
    );
    assert_eq!(calls("{% set x = source('a', 'b') %}{{ x }}").map(|c| c.len()), Some(1));
    for unsound in [
        "{% if is_incremental() %}{{ ref('a') }}{% endif %}",
        "{{ ref(x) }}",
        "{{ my_macro('a') }}",
        "{{ ref('a') if execute else ref('b') }}",
        "{% for m in ['a'] %}{{ ref(m) }}{% endfor %}",
        "{% set ref = 1 %}{{ ref('a') }}",
        "{{ ref('a').render() }}",
        "{{ 1 / 0 }}",
        "{% macro m() %}{% endmacro %}",
    ] {
        assert_eq!(calls(unsound), None, "{unsound}");
    }
}

#[test]
fn possible_macro_calls_are_found_in_the_text() {
    let text = "{% macro m(a=first()) %}{{ kit.second(third()) }}{% call fourth() %}{{ adapter.dispatch('fifth', 'kit')() }}{% endcall %}{{ x.y.z() }}{{ adapter.quote('x') }}{% endmacro %}";
    let template = Template::parse_str("m.sql", text).unwrap();
    let named = |package: Option<&str>, name: &str| StaticCall::Named {
        package: package.map(Arc::from),
        name: name.into(),
    };
    assert_eq!(
        template.macro_calls(),
        [
            named(None, "first"),
            named(Some("kit"), "second"),
            named(None, "third"),
            named(None, "fourth"),
            StaticCall::Dispatch { name: "fifth".into(), namespace: Some("kit".into()) },
        ]
    );
    assert!(template.reads_name("x") && !template.reads_name("this"));
}

#[test]
fn a_template_of_one_expression_renders_to_its_value() {
    let mut interp = world(&[], UndefinedMode::Strict);
    for (text, expected) in [
        ("{{ [execute] }}", "[True]"),
        ("{{ ref('a') }}", "'<a>'"),
        ("{{ 1 + 1 }}", "'2'"),
        ("{{ execute }} ", "'True '"),
        ("{{ '[1, 2]' | as_native }}", "[1, 2]"),
        ("{{ '1' | as_number }}", "1"),
        ("{{ execute | as_text }}", "'True'"),
        ("{{ 'true' | as_native }}", "'true'"),
        ("", "''"),
        ("plain", "'plain'"),
    ] {
        let template = Template::parse_str("schema.yml", text).unwrap();
        assert_eq!(interp.render_native(&template).unwrap().repr(), expected, "{text}");
    }
    let template = Template::parse_str("schema.yml", "{{ 'x' | as_bool }}").unwrap();
    let error = interp.render_native(&template).unwrap_err();
    assert_eq!(error.message(), "Could not convert value 'x' into type 'bool'");
}
