{#- A data test is a query for rows that should not exist. What is counted, and when the count is a
    warning or a failure, comes from the test's config; the thresholds are put to the database. -#}

{%- materialization test, default -%}
  {%- set sql_header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
  {%- set failing_rows = get_limit_subquery_sql(sql, config.get('limit')) -%}
  {%- set relations = [] -%}

  {%- if should_store_failures() -%}
    {#- The key is there but empty when only --store-failures asked for it, hence no default in get(). -#}
    {%- set kind = config.get('store_failures_as') or 'table' -%}
    {%- if kind not in ['table', 'view'] -%}
      {%- do exceptions.raise_compiler_error(
          "'" ~ kind ~ "' is not a valid value for `store_failures_as`. Accepted values are: ['ephemeral', 'table', 'view']") -%}
    {%- endif -%}
    {%- set identifier = model['alias'] -%}
    {%- set old = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
    {%- set stored = api.Relation.create(database=database, schema=schema, identifier=identifier, type=kind) -%}
    {%- if old -%}
      {%- do adapter.drop_relation(old) -%}
    {%- endif -%}
    {%- call statement(auto_begin=True) -%}
      {{ sql_header or '' }}
      {{ get_create_sql(stored, failing_rows) }}
    {%- endcall -%}
    {%- do relations.append(stored) -%}
    {#- The rows are at hand now: count those and leave the test's own query alone. -#}
    {%- set failing_rows = 'select * from ' ~ stored -%}
    {%- do adapter.commit() -%}
  {%- endif -%}

  {%- call statement('main', fetch_result=True) -%}
    {{ sql_header or '' }}
    {#- The limit is already inside; overrides of get_test_sql may still want the argument. -#}
    {{ get_test_sql(failing_rows, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
  {%- endcall -%}
  {%- do return({'relations': relations}) -%}
{%- endmaterialization -%}

{%- macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  {%- do return(adapter.dispatch('get_test_sql', 'dbt')(main_sql, fail_calc, warn_if, error_if, limit)) -%}
{%- endmacro -%}

{%- macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
select
  {{ fail_calc }} as failures,
  {{ fail_calc }} {{ warn_if }} as should_warn,
  {{ fail_calc }} {{ error_if }} as should_error
from (
  {{ main_sql }}
  {%- if limit is not none %}
  limit {{ limit }}
  {%- endif %}
) dbt_internal_test
{%- endmacro -%}

{#- `where` narrows the tested relation, not the test's result. -#}
{%- macro get_where_subquery(relation) -%}
  {%- do return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) -%}
{%- endmacro -%}

{%- macro default__get_where_subquery(relation) -%}
  {%- set condition = config.get('where', '') -%}
  {%- do return('(select * from ' ~ relation ~ ' where ' ~ condition ~ ') dbt_subquery' if condition else relation) -%}
{%- endmacro -%}
