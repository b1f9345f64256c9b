{#- The text at a dotted path of a JSON column; null where the path leads nowhere. -#}
{% macro json_text(column, path) -%}
    {{ return(adapter.dispatch('json_text')(column, path)) }}
{%- endmacro %}

{% macro default__json_text(column, path) -%}
    json_extract_string({{ column }}, '$.{{ path }}')
{%- endmacro %}

{% macro snowflake__json_text(column, path) -%}
    cast(get_path({{ column }}, '{{ path }}') as varchar)
{%- endmacro %}


{#- Goes behind a FROM item: one row for each element of a JSON array, in the column `value` of `alias`. -#}
{% macro json_each(column, path, alias) -%}
    {{ return(adapter.dispatch('json_each')(column, path, alias)) }}
{%- endmacro %}

{% macro default__json_each(column, path, alias) -%}
    , unnest(json_extract({{ column }}, '$.{{ path }}[*]')) as {{ alias }}(value)
{%- endmacro %}

{% macro snowflake__json_each(column, path, alias) -%}
    , lateral flatten(input => get_path({{ column }}, '{{ path }}')) as {{ alias }}
{%- endmacro %}
