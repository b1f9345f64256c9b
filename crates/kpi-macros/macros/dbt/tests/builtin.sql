{#- The tests that every project has. Each asks for the rows that break it, and each can be replaced for
    one database by a macro named <adapter>__test_<name>. -#}

{% test not_null(model, column_name) %}
  {%- set build = adapter.dispatch('test_not_null', 'dbt') -%}
  {{ build(model, column_name) }}
{% endtest %}

{%- macro default__test_not_null(model, column_name) %}
{#- Stored failures are looked at by people, who need the whole row. -#}
select {{ '*' if should_store_failures() else column_name }}
from {{ model }}
where {{ column_name }} is null
{% endmacro -%}

{% test unique(model, column_name) %}
  {%- set build = adapter.dispatch('test_unique', 'dbt') -%}
  {{ build(model, column_name) }}
{% endtest %}

{%- macro default__test_unique(model, column_name) %}
select {{ column_name }} as unique_field, count(*) as n_records
from {{ model }}
where {{ column_name }} is not null
group by {{ column_name }}
having count(*) > 1
{% endmacro -%}

{% test accepted_values(model, column_name, values, quote=True) %}
  {%- set build = adapter.dispatch('test_accepted_values', 'dbt') -%}
  {{ build(model, column_name, values, quote) }}
{% endtest %}

{%- macro default__test_accepted_values(model, column_name, values, quote=True) -%}
{%- set accepted = [] -%}
{%- for value in values -%}
  {%- do accepted.append("'" ~ value ~ "'" if quote else value) -%}
{%- endfor %}
with all_values as (
  select {{ column_name }} as value_field, count(*) as n_records
  from {{ model }}
  group by {{ column_name }}
)
select *
from all_values
where value_field not in ( {{ accepted | join(',') }} )
{% endmacro -%}

{% test relationships(model, column_name, to, field) %}
  {%- set build = adapter.dispatch('test_relationships', 'dbt') -%}
  {{ build(model, column_name, to, field) }}
{% endtest %}

{%- macro default__test_relationships(model, column_name, to, field) %}
with child as (
  select {{ column_name }} as from_field
  from {{ model }}
  where {{ column_name }} is not null
),
parent as (
  select {{ field }} as to_field
  from {{ to }}
)
select from_field
from child
left join parent on child.from_field = parent.to_field
where parent.to_field is null
{% endmacro -%}

{#- kpi's own: a value lies between two bounds, the bounds included unless they are strict. One bound is
    enough, and a null breaks nothing: that it must not be null is for not_null to say. -#}
{% test between(model, column_name, min_value=none, max_value=none, strict_min=false, strict_max=false) %}
  {%- set build = adapter.dispatch('test_between', 'dbt') -%}
  {{ build(model, column_name, min_value, max_value, strict_min, strict_max) }}
{% endtest %}

{%- macro default__test_between(model, column_name, min_value=none, max_value=none, strict_min=false, strict_max=false) -%}
{%- if min_value is none and max_value is none -%}
  {%- do exceptions.raise_compiler_error("the test `between` on column " ~ column_name ~ " needs a min_value, a max_value or both") -%}
{%- endif -%}
{%- set bounds = [
    (min_value, ' <= ' if strict_min else ' < '),
    (max_value, ' >= ' if strict_max else ' > '),
] -%}
{%- set broken = [] -%}
{%- for bound, sign in bounds if bound is not none -%}
  {#- A text is SQL, as everywhere in tests; but a date that YAML has read would be 2024 - 1 - 31 to the database. -#}
  {%- set limit = bound if bound is string or bound is number else "'" ~ bound ~ "'" -%}
  {%- do broken.append(column_name ~ sign ~ limit) -%}
{%- endfor %}
select {{ '*' if should_store_failures() else column_name }}
from {{ model }}
where {{ broken | join(' or ') }}
{% endmacro -%}
