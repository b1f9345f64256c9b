{#- A table for many small queries at once. It is clustered, and with `target_lag` it refreshes itself. -#}

{% materialization interactive_table, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type=this.InteractiveTable) -%}

  {%- do run_hooks(pre_hooks) -%}
  {%- set build_sql = interactive_table_get_build_sql(old, new) -%}
  {%- if build_sql | trim == '' -%}
    {{ interactive_table_execute_no_op(new) }}
  {%- else -%}
    {{ interactive_table_execute_build_sql(build_sql, old, new) }}
  {%- endif -%}

  {%- do run_hooks(post_hooks) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{%- macro interactive_table_get_build_sql(existing_relation, target_relation) -%}
  {%- if existing_relation is none -%}
    {%- do return(get_create_sql(target_relation, sql)) -%}
  {%- elif should_full_refresh() or not existing_relation.is_interactive_table -%}
    {%- do return(get_replace_sql(existing_relation, target_relation, sql)) -%}
  {%- endif -%}
  {%- set changes = snowflake__get_interactive_table_configuration_changes(existing_relation, config) -%}
  {%- if not kpi_snowflake_applies(changes, target_relation) -%}
    {%- do return('') -%}
  {%- elif changes.requires_full_refresh -%}
    {%- do return(get_replace_sql(existing_relation, target_relation, sql)) -%}
  {%- endif -%}
  {%- do return(snowflake__get_alter_interactive_table_as_sql(existing_relation, changes, target_relation, sql)) -%}
{%- endmacro -%}

{%- macro interactive_table_execute_no_op(relation) -%}
  {{ dynamic_table_execute_no_op(relation) }}
{%- endmacro -%}

{%- macro interactive_table_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- call statement('main') -%} {{ build_sql }} {%- endcall -%}
  {%- do kpi_grant_and_document(target_relation, existing_relation) -%}
{%- endmacro -%}

{%- macro snowflake__get_interactive_table_configuration_changes(existing_relation, new_config) -%}
  {%- set now = adapter.describe_interactive_table(existing_relation) -%}
  {%- do return(existing_relation.interactive_table_config_changeset(now, new_config.model)) -%}
{%- endmacro -%}

{%- macro snowflake__describe_interactive_table(relation) -%}
  {%- do return(adapter.describe_interactive_table(relation)) -%}
{%- endmacro -%}

{%- macro snowflake__get_create_interactive_table_as_sql(relation, sql) -%}
  {{ snowflake__create_interactive_table_sql(relation.from_config(config.model), relation, sql) }}
{%- endmacro -%}

{%- macro snowflake__create_interactive_table_sql(interactive_table, relation, sql) -%}
  {{ snowflake__interactive_table_ddl_body_sql(interactive_table, relation, sql, 'create interactive table') }}
{%- endmacro -%}

{%- macro snowflake__get_replace_interactive_table_sql(relation, sql) -%}
  {{ snowflake__interactive_table_ddl_body_sql(
      relation.from_config(config.model), relation, sql, 'create or replace interactive table') }}
{%- endmacro -%}

{%- macro snowflake__interactive_table_ddl_body_sql(interactive_table, relation, sql, ddl_prefix) -%}
  {{ ddl_prefix }} {{ relation }}
  cluster by ({{ interactive_table.cluster_by }})
  {%- if interactive_table.is_dynamic %}
  target_lag = {{ kpi_snowflake_text(interactive_table.target_lag) }}
  {{- optional('warehouse', interactive_table.warehouse_parameter) }}
  {{- optional('initialization_warehouse', interactive_table.snowflake_initialization_warehouse) }}
  {%- endif %}
  as (
    {{ sql }}
  )
{%- endmacro -%}

{%- macro snowflake__get_alter_interactive_table_as_sql(existing_relation, configuration_changes, target_relation, sql) -%}
  {%- do return(kpi_snowflake_refresh_alters(
      'alter interactive table ' ~ existing_relation, configuration_changes, configuration_changes.refresh_warehouse) | join(';\n')) -%}
{%- endmacro -%}

{#- For the rest it is a table. -#}

{%- macro snowflake__get_drop_interactive_table_sql(relation) -%}
  drop table if exists {{ relation }}
{%- endmacro -%}

{%- macro snowflake__get_rename_interactive_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ new_name }}
{%- endmacro -%}
