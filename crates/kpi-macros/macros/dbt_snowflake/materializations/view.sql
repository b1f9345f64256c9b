{% materialization view, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set old = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set new = this.incorporate(type='view') -%}

  {%- do run_hooks(pre_hooks) -%}
  {%- set stale = kpi_snowflake_of_another_type(old, ['view']) -%}
  {%- call statement('main') -%} {{ get_create_view_as_sql(new, sql) }} {%- endcall -%}

  {%- do run_hooks(post_hooks) -%}
  {%- do apply_grants(new, config.get('grants'), should_revoke=should_revoke(old is not none and old.is_view, full_refresh_mode=True)) -%}
  {#- The comments of its columns stand in the view's definition already. -#}
  {%- do persist_docs(new, model, for_columns=false) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{%- macro snowflake__create_view_as(relation, sql) -%}
  {{ snowflake__create_view_as_with_temp_flag(relation, sql) }}
{%- endmacro -%}

{%- macro snowflake__create_view_as_with_temp_flag(relation, sql, is_temporary=False) -%}
  {%- set contract = config.get('contract') -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace {{ 'secure ' if config.get('secure', false) }}{{ 'temporary ' if is_temporary }}view {{ relation }}
  {%- if config.persist_column_docs() and not is_temporary %}
  {%- set columns = [] -%}
  {%- for column in kpi_snowflake_comments(get_columns_in_query(sql), model.columns) -%}
    {%- do columns.append(column['name'] ~ ' comment ' ~ column['comment']) -%}
  {%- endfor %}
  ({{ columns | join(', ') }})
  {%- endif %}
  {%- if contract.enforced %}
  {{ get_assert_columns_equivalent(sql) }}
  {%- endif %}
  {%- if config.get('copy_grants', false) %}
  copy grants
  {%- endif %}
  {%- if config.get('row_access_policy') %}
  with row access policy {{ config.get('row_access_policy') }}
  {%- endif %}
  {%- if config.get('table_tag') %}
  with tag ({{ config.get('table_tag') }})
  {%- endif %}
  as (
    {{ sql }}
  );
{%- endmacro -%}

{%- macro snowflake__get_replace_view_sql(relation, sql) -%}
  {{ snowflake__create_view_as(relation, sql) }}
{%- endmacro -%}
