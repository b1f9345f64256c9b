//! The language: statements, scopes, operators, undefined values. Every expectation was taken from Python's jinja2.

mod rendering;
use kpi_jinja::ErrorKind;
use rendering::{render, render_with, show};

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(show(text), *expected, "{text}");
    }
}

#[test]
fn a_name_means_what_jinja2_decides_when_it_compiles() {
    check(&[
        ("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "2"),
        (
            "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }};{% endfor %}{{ x }}",
            "12;13;1",
        ),
        ("{% for i in [1] %}[{{ x }}]{% endfor %}{% set x = 1 %}", "[]"),
        ("{{ execute }}{% set execute = 5 %}{{ execute }}", "True5"),
        ("{% if false %}{% set execute = 3 %}{% endif %}{{ execute }}", "True"),
        (
            "{% for i in [1, 2] %}{{ execute }}{% set execute = i %}{{ execute }}{% endfor %}{{ execute }}",
            "True1True2True",
        ),
        ("{% set x = 'a' %}{% set y %}{% set x = 'b' %}{{ x }}{% endset %}{{ x }}{{ y }}", "ab"),
        ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}", "3False"),
    ]);
}

#[test]
fn a_macro_in_a_file_shares_the_variables_around_it() {
    check(&[
        (
            "{% macro f() %}[{{ x }}]{% endmacro %}{{ dbt_macro__f() }}{% set x = 5 %}{{ dbt_macro__f() }}",
            "[][5]",
        ),
        (
            "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ dbt_macro__m() }}{{ x }}",
            "121",
        ),
        ("{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ dbt_macro__m() }}{% endfor %}", "12"),
        ("{% macro m() %}x{% endmacro %}{{ m() }}", "! 'm' is undefined"),
        ("{% block a %}{{ x }}{% endblock %}{% set x = 1 %}{{ self.a() }}", "1"),
    ]);
}

#[test]
fn loops_know_where_they_are() {
    check(&[
        (
            "{% for x in [1, 2, 3, 4] if x % 2 == 0 %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ loop.last }} {% endfor %}",
            "1/2:2False 2/2:4True ",
        ),
        (
            "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
            "1(2(3))",
        ),
        (
            "{% set l = [1] %}{% for x in l %}{{ x }}{% if x < 3 %}{% do l.append(x + 1) %}{% endif %}{% endfor %}",
            "123",
        ),
        ("{% for x in [1] %}{% break %}{% else %}none{% endfor %}", "none"),
        (
            "{% for x in [1, 2, 3] %}{% set y %}{% if x == 2 %}{% continue %}{% endif %}{% endset %}{{ x }}{% endfor %}",
            "13",
        ),
        (
            "{% for i in [1] %}{{ loop() }}{% endfor %}",
            "! The loop must have the 'recursive' marker to be called recursively.",
        ),
    ]);
}

#[test]
fn operators_are_those_of_python() {
    check(&[
        ("{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** -1 }}", "64 4 0.5"),
        ("{{ -7 // 2 }} {{ -7.5 % 2 }} {{ 5 % -0.5 }} {{ 1e300 // 1e-10 }}", "-4 0.5 -0.0 inf"),
        (
            "{{ 9223372036854775807 + 1 }} {{ -9223372036854775808 - 1 }}",
            "9223372036854775808 -9223372036854775809",
        ),
        ("{{ 10**30 / 3 }} {{ 10**400 / 10**399 }} {{ 2**70 / 2**69 }}", "3.333333333333333e+29 10.0 2.0"),
        ("{{ 10**20 == 1e20 }} {{ 2**53 + 1 == 2.0**53 }}", "True False"),
        ("{{ 1 < 2 < 3 < 2 }} {{ 1 in [1] in [[1]] }}", "False True"),
        ("{{ [1] < [1, 2] }} {{ (1, 'a') < (1, 'b') }}", "True True"),
        ("{{ 'a' < 1 }}", "! '<' not supported between instances of 'str' and 'int'"),
        ("{{ 'a' + 1 }}", "! can only concatenate str (not \"int\") to str"),
        ("{{ 1 + none }}", "! unsupported operand type(s) for +: 'int' and 'NoneType'"),
        ("{{ 10.0 ** 400 }}", "! (34, 'Numerical result out of range')"),
        ("{{ 10 ** (10 ** 10) }}", "! the number would be too large"),
        ("{{ 'x' * 10 ** 12 }}", "! the repeated sequence would be too large"),
    ]);
}

#[test]
fn undefined_values_fail_when_they_are_used() {
    check(&[
        ("[{{ nope }}]{{ nope is defined }}{{ nope == nope }}{{ 1 in nope }}", "[]FalseTrueFalse"),
        ("{{ nope.x }}", "! 'nope' is undefined"),
        ("{{ nope() }}", "! 'nope' is undefined"),
        ("{{ 'a' + nope }}", "! 'nope' is undefined"),
        ("{{ {}.a.b }}", "! 'dict object' has no attribute 'a'"),
        ("{{ none.x.y }}", "! 'None' has no attribute 'x'"),
        (
            "{{ ''.__class__ }}|{{ ''.__class__.x }}",
            "! access to attribute '__class__' of 'str' object is unsafe.",
        ),
    ]);
}

#[test]
fn containers_that_hold_themselves_can_be_printed_and_compared() {
    check(&[
        ("{% set l = [1] %}{% do l.append(l) %}{{ l }}{{ l == l }}", "[1, [...]]True"),
        ("{% set d = {} %}{% do d.update(a=d) %}{{ d }}", "{'a': {...}}"),
        ("{% set a = [] %}{% set b = [a] %}{% do a.append(b) %}{{ a == b }}", "False"),
    ]);
}

#[test]
fn strings_keep_escapes_that_python_keeps() {
    check(&[(r"{{ '\d\.' }}|{{ '\x41\u00e9' }}|{{ '\é' }}", r"\d\.|Aé|\xe9")]);
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    for text in [
        format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(10_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(10_000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(10_000)),
        format!("{{{{ x{} }}}}", ".a".repeat(10_000)),
        format!("{{{{ x{} }}}}", "|upper".repeat(10_000)),
        format!("{{{{ 1{} }}}}", " if 1".repeat(10_000)),
        format!("{{{{ {}1 }}}}", "1 if 1 else ".repeat(10_000)),
        "{% if 1 %}".repeat(10_000),
        format!("{{% set {}a = 1 %}}", "(".repeat(10_000)),
    ] {
        let error = render(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax, "{}", &text[..40]);
    }
    // What is as deep as it may be has to be evaluated everywhere, also where the stack is used already.
    let deepest = format!("{{{{ {}1{}{} }}}}", "(".repeat(90), ")".repeat(90), " + 1".repeat(290));
    let macros = format!(
        "{{% macro m(n) %}}{{% if n %}}{{{{ m(n - 1) }}}}{{% else %}}{deepest}{{% endif %}}{{% endmacro %}}"
    );
    assert_eq!(render_with(&macros, "{{ m(200) }}").unwrap(), "291");
    // Long is not deep.
    let nested = "{% set ns = namespace(l=[], d={}) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% set ns.d = {'a': ns.d} %}{% endfor %}{{ ns.l|length }}";
    assert_eq!(render(nested).unwrap(), "1");
    let long = format!("{{{{ 'a'{} }}}}", " ~ 'b'".repeat(10_000));
    assert_eq!(render(&long).unwrap().len(), 10_001);
}

#[test]
fn endless_recursion_is_an_error_and_not_a_crash() {
    for (macros, model) in [
        ("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}", "{{ m(1) }}"),
        (
            "{% macro a(n) %}{% for i in [1] %}{% if true %}{{ [b(n)]|join }}{% endif %}{% endfor %}{% endmacro %}{% macro b(n) %}{% set x %}{{ a(n) }}{% endset %}{% endmacro %}",
            "{{ a(1) }}",
        ),
        ("", "{% macro m() %}{{ dbt_macro__m() }}{% endmacro %}{{ dbt_macro__m() }}"),
        ("", "{% set l = [] %}{% do l.append(l) %}{% for x in l recursive %}{{ loop(x) }}{% endfor %}"),
        (
            "{% macro w() %}{% call w() %}{{ caller() }}{% endcall %}{% endmacro %}",
            "{% call w() %}{% endcall %}",
        ),
    ] {
        let error = render_with(macros, model).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Recursion, "{model}: {error}");
    }
    assert_eq!(
        render_with(
            "{% macro m(n) %}{{ n }}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}",
            "{{ m(100) }}"
        )
        .unwrap()
        .len(),
        "100".len() + 90 * 2 + 10
    );
}
