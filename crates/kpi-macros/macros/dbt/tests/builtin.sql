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
