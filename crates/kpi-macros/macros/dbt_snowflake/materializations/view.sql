{% materialization view, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set relations = snowflake__create_or_replace_view() -%}
  {#- The comments of its columns stand in the view's definition already. -#}
  {%- do persist_docs(this.incorporate(type='view'), model, for_columns=false) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return(relations) -%}
{% endmaterialization %}

{#- What is not a view cannot be replaced by one: it has to go first. -#}
{%- macro snowflake__create_or_replace_view() -%}
  {%- set old = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set new = this.incorporate(type='view') -%}
  {%- do run_hooks(pre_hooks) -%}
  {%- if old is not none and not old.is_view -%}
    {%- do handle_existing_table(should_full_refresh(), old) -%}
  {%- endif -%}
  {%- call statement('main') -%} {{ get_create_view_as_sql(new, sql) }} {%- endcall -%}
  {%- do apply_grants(new, config.get('grants'), should_revoke=should_revoke(old is not none and old.is_view, full_refresh_mode=True)) -%}
  {%- do run_hooks(post_hooks) -%}
  {%- do return({'relations': [new]}) -%}
{%- endmacro -%}

{%- macro snowflake__create_view_as(relation, sql) -%}
  {{ snowflake__create_view_as_with_temp_flag(relation, sql) }}
{%- endmacro -%}

{%- macro snowflake__create_view_as_with_temp_flag(relation, sql, is_temporary=False) -%}
  {%- set contract = config.get('contract') -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace {{ 'secure ' if config.get('secure', false) }}{{ 'temporary ' if is_temporary }}view {{ relation }}
  {%- if config.persist_column_docs() and not is_temporary %}
  {{ get_persist_docs_column_list(model.columns, get_columns_in_query(sql)) }}
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
