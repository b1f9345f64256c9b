//! A second opinion: where minijinja speaks the same language, both engines must print the same.

mod rendering;
use rendering::render;

const SHARED: &[&str] = &[
    "a  {%- if true -%}  b  {%- endif -%}  c",
    "a {%+ if true +%} b {%+ endif %} c",
    "{# {{ x }} #}a{#- b -#} c\n\n",
    "{% raw %}{{ x }}{% endraw %}{% raw -%}  a  {%- endraw %}",
    "line\n{% if true %}\nx\n{% endif %}\nend\n",
    "{{ 'a' ~ 1 ~ \"b\" }} {{ '\\n\\t\\\\' }} {{ 'x\\u00e9' }} {{ \"it's\" }}",
    "{{ 1 + 2 * 3 - 4 // 3 }} {{ 7 % 4 }} {{ 2 ** 8 }} {{ 0x1f }} {{ 1_000 }}",
    "{{ 1 < 2 and not 3 > 4 or false }}|{{ 1 in [1, 2] }}|{{ 3 not in [1] }}",
    "{{ 'yes' if 1 else 'no' }}{{ 'x' if false }}",
    "{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.last }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in [] %}{% else %}none{% endfor %}",
    "{% for k, v in [('a', 1), ('b', 2)] %}{{ k }}={{ v }};{% endfor %}",
    "{% for x in [1, [2, 3]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set c %}<{{ a }}>{% endset %}{{ c }}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}[{{ a }}]",
    "{% filter upper %}abc {{ 'd' }}{% endfilter %}",
    "{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
    "{% for i in range(9) %}{% if i == 4 %}{% break %}{% endif %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{{ [1, 2, 3][1:] | join('-') }} {{ 'abc'[::-1] }} {{ [3, 1, 2] | sort | first }} {{ {'a': {'b': 5}}.a['b'] }}",
    "{{ nope is defined }} {{ nope | default('d') }} [{{ nope }}] {{ none is none }} {{ 4 is even }}",
    "{% block a %}x{% endblock %}{{ self.a() }}",
];

#[test]
fn both_engines_print_the_same() {
    // minijinja spells these like JSON or Rust where jinja2 spells them like Python.
    let python =
        |text: String| text.replace("true", "True").replace("false", "False").replace("none", "None");
    let env = minijinja::Environment::new();
    for text in SHARED {
        let theirs = env.render_str(text, ()).unwrap();
        assert_eq!(python(render(text).unwrap()), python(theirs), "{text}");
    }
}

#[test]
fn neither_takes_what_is_no_jinja() {
    let env = minijinja::Environment::new();
    for text in [
        "{{ 1 + }}",
        "{{ a b }}",
        "{{ (1 }}",
        "{{ 1) }}",
        "{% if x %}",
        "{% endif %}",
        "{% bogus %}",
        "{{ 'a }}",
        "{% for x y %}{% endfor %}",
        "{% set 1 = 2 %}",
        "{{ a.-1 }}",
        "{{ x | }}",
        "{{ [1 }}",
        "{{ {'a' 1} }}",
        "{% raw %}x",
        "{% break %}",
        "{{ $x }}",
        "{{ f(a=1, 2) }}",
    ] {
        assert!(env.render_str(text, ()).is_err(), "minijinja takes {text}");
        assert!(render(text).is_err(), "{text}");
    }
}
