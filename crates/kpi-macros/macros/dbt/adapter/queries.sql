{#- Queries about queries: previews, dry runs, source freshness. -#}

{%- macro get_show_sql(compiled_code, sql_header, limit) -%}
  {%- if sql_header is not none %}{{ sql_header }}
  {% endif -%}
  {{ get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro -%}

{#- The limit is appended and not wrapped around, so that an order by in the query survives. -#}
{%- macro get_limit_subquery_sql(sql, limit) -%}
  {%- do return(adapter.dispatch('get_limit_sql', 'dbt')(sql, limit)) -%}
{%- endmacro -%}

{%- macro default__get_limit_sql(sql, limit) %}
  {{ sql }}
  {%- if limit is not none %}
  limit {{ limit }}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_sql(sql) -%}
  {%- do return(adapter.dispatch('validate_sql', 'dbt')(sql)) -%}
{%- endmacro -%}

{%- macro default__validate_sql(sql) -%}
  {%- call statement('validate_sql') -%} explain {{ sql }} {%- endcall -%}
  {%- do return(load_result('validate_sql')) -%}
{%- endmacro -%}

{%- macro collect_freshness(source, loaded_at_field, filter) -%}
  {%- do return(adapter.dispatch('collect_freshness', 'dbt')(source, loaded_at_field, filter)) -%}
{%- endmacro -%}

{%- macro default__collect_freshness(source, loaded_at_field, filter) -%}
  {%- call statement('collect_freshness', fetch_result=True, auto_begin=False) -%}
    select max({{ loaded_at_field }}) as max_loaded_at, {{ current_timestamp() }} as snapshotted_at
    from {{ source }}
    {{ 'where ' ~ filter if filter }}
  {%- endcall -%}
  {%- do return(load_result('collect_freshness')) -%}
{%- endmacro -%}

{%- macro collect_freshness_custom_sql(source, loaded_at_query) -%}
  {%- do return(adapter.dispatch('collect_freshness_custom_sql', 'dbt')(source, loaded_at_query)) -%}
{%- endmacro -%}

{%- macro default__collect_freshness_custom_sql(source, loaded_at_query) -%}
  {%- call statement('collect_freshness_custom_sql', fetch_result=True, auto_begin=False) -%}
    with source_query as (
      {{ loaded_at_query }}
    )
    select (select * from source_query) as max_loaded_at, {{ current_timestamp() }} as snapshotted_at
  {%- endcall -%}
  {%- do return(load_result('collect_freshness_custom_sql')) -%}
{%- endmacro -%}
