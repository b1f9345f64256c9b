{% materialization seed, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set relations = materialization_seed_default() -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return(relations) -%}
{% endmaterialization %}

{%- macro snowflake__create_csv_table(model, agate_table) -%}
  {%- set given_types = model['config'].get('column_types', {}) -%}
  {%- set quoting = model['config'].get('quote_columns', none) -%}
  {%- set columns = [] -%}
  {%- for name in agate_table.column_names -%}
    {%- set type = given_types.get(name) or adapter.convert_type(agate_table, loop.index0) -%}
    {%- do columns.append(kpi_snowflake_seed_column(name | string, quoting) ~ ' ' ~ type) -%}
  {%- endfor -%}
  {%- set kind = 'transient ' if config.get('transient', true) else '' -%}
  {%- set table_sql = 'create or replace ' ~ kind ~ 'table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ')' -%}
  {%- call statement('_') -%} {{ table_sql }} {%- endcall -%}
  {%- do return(table_sql) -%}
{%- endmacro -%}

{#- Unquoted unless the project says so: the database makes its own case of the names. -#}
{%- macro kpi_snowflake_seed_column(name, quoting) -%}
  {%- do return(adapter.quote(name) if quoting else name) -%}
{%- endmacro -%}

{#- The first batch of rows overwrites those of before, so that no reader ever meets an empty table. -#}
{%- macro snowflake__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if full_refresh -%}
    {%- do return(create_csv_table(model, agate_table)) -%}
  {%- elif agate_table.rows | length == 0 -%}
    {%- do adapter.truncate_relation(old_relation) -%}
  {%- endif -%}
  {%- do return('') -%}
{%- endmacro -%}

{%- macro snowflake__load_csv_rows(model, agate_table) -%}
  {%- do return(adapter.load_seed_rows(this, agate_table, model["config"])) -%}
{%- endmacro -%}
