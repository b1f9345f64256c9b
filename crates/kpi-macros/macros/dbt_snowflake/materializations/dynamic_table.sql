{#- A table that the database keeps fresh by itself, as far behind its inputs as `target_lag` allows. -#}

{% materialization dynamic_table, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type=this.DynamicTable) -%}

  {%- do run_hooks(pre_hooks) -%}
  {%- set build_sql = dynamic_table_get_build_sql(old, new) -%}
  {%- if build_sql | trim == '' -%}
    {{ dynamic_table_execute_no_op(new) }}
  {%- else -%}
    {{ dynamic_table_execute_build_sql(build_sql, old, new) }}
  {%- endif -%}
  {%- if new.from_config(config.model).scheduler == 'DISABLE' -%}
    {%- call statement('refresh') -%} {{ snowflake__refresh_dynamic_table(new) }} {%- endcall -%}
  {%- endif -%}

  {%- do run_hooks(post_hooks) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{#- SQL that makes, replaces or changes the table; nothing where it is as the project wants it. -#}
{%- macro dynamic_table_get_build_sql(existing_relation, target_relation) -%}
  {%- if existing_relation is none -%}
    {%- do return(get_create_sql(target_relation, sql)) -%}
  {%- elif should_full_refresh() or not existing_relation.is_dynamic_table -%}
    {%- do return(get_replace_sql(existing_relation, target_relation, sql)) -%}
  {%- endif -%}
  {%- set changes = snowflake__get_dynamic_table_configuration_changes(existing_relation, config) -%}
  {%- if kpi_snowflake_applies(changes, target_relation) -%}
    {%- do return(snowflake__get_alter_dynamic_table_as_sql(existing_relation, changes, target_relation, sql)) -%}
  {%- endif -%}
  {%- do return('') -%}
{%- endmacro -%}

{#- Whether changes are to be made, as `on_configuration_change` says. -#}
{%- macro kpi_snowflake_applies(changes, relation) -%}
  {%- set on_change = config.get('on_configuration_change') or 'apply' -%}
  {%- if changes is none -%}
    {%- do log('No configuration changes were identified on: `' ~ relation ~ '`. Continuing.') -%}
    {%- do return(false) -%}
  {%- elif on_change == 'apply' -%}
    {%- do return(true) -%}
  {%- elif on_change == 'continue' -%}
    {%- do exceptions.warn('Configuration changes were identified and `on_configuration_change` was set to `continue` for `' ~ relation ~ '`') -%}
    {%- do return(false) -%}
  {%- elif on_change == 'fail' -%}
    {%- do exceptions.raise_fail_fast_error('Configuration changes were identified and `on_configuration_change` was set to `fail` for `' ~ relation ~ '`') -%}
  {%- endif -%}
  {%- do exceptions.raise_compiler_error("`on_configuration_change` is one of apply, continue, fail, not '" ~ on_change ~ "'") -%}
{%- endmacro -%}

{%- macro dynamic_table_execute_no_op(relation) -%}
  {%- do store_raw_result(name='main', message='skip ' ~ relation, code='skip', rows_affected='-1') -%}
{%- endmacro -%}

{%- macro dynamic_table_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- call statement('main') -%} {{ build_sql }} {%- endcall -%}
  {%- do kpi_grant_and_document(target_relation, existing_relation) -%}
{%- endmacro -%}

{%- macro snowflake__get_dynamic_table_configuration_changes(existing_relation, new_config) -%}
  {#- Only a project that says whether the table is transient wants to know whether it is. -#}
  {%- set now = adapter.describe_dynamic_table(existing_relation, new_config.get('transient') is not none) -%}
  {%- do return(existing_relation.dynamic_table_config_changeset(now, new_config.model)) -%}
{%- endmacro -%}

{%- macro snowflake__describe_dynamic_table(relation) -%}
  {%- do return(adapter.describe_dynamic_table(relation)) -%}
{%- endmacro -%}

{%- macro snowflake__get_create_dynamic_table_as_sql(relation, sql) -%}
  {%- set wanted = relation.from_config(config.model) -%}
  {%- if kpi_snowflake_is_dynamic_iceberg(relation) -%}
    {{ snowflake__create_dynamic_table_built_in_sql(wanted, relation, sql) }}
  {%- else -%}
    {{ snowflake__create_dynamic_table_info_schema_sql(wanted, relation, sql) }}
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__get_replace_dynamic_table_sql(relation, sql) -%}
  {%- set wanted = relation.from_config(config.model) -%}
  {%- if kpi_snowflake_is_dynamic_iceberg(relation) -%}
    {{ snowflake__replace_dynamic_table_built_in_sql(wanted, relation, sql) }}
  {%- else -%}
    {{ snowflake__replace_dynamic_table_info_schema_sql(wanted, relation, sql) }}
  {%- endif -%}
{%- endmacro -%}

{%- macro kpi_snowflake_is_dynamic_iceberg(relation) -%}
  {%- set catalog_type = adapter.build_catalog_relation(config.model).catalog_type -%}
  {%- if catalog_type not in ['INFO_SCHEMA', 'BUILT_IN'] -%}
    {%- do exceptions.raise_compiler_error('A dynamic table cannot be in a linked catalog: ' ~ relation) -%}
  {%- endif -%}
  {%- do return(catalog_type == 'BUILT_IN') -%}
{%- endmacro -%}

{%- macro snowflake__create_dynamic_table_info_schema_sql(dynamic_table, relation, sql) -%}
  {{ kpi_snowflake_dynamic_table_sql('create', dynamic_table, relation, sql, false) }}
{%- endmacro -%}

{%- macro snowflake__create_dynamic_table_built_in_sql(dynamic_table, relation, sql) -%}
  {{ kpi_snowflake_dynamic_table_sql('create', dynamic_table, relation, sql, true) }}
{%- endmacro -%}

{%- macro snowflake__replace_dynamic_table_info_schema_sql(dynamic_table, relation, sql) -%}
  {{ kpi_snowflake_dynamic_table_sql('create or replace', dynamic_table, relation, sql, false) }}
{%- endmacro -%}

{%- macro snowflake__replace_dynamic_table_built_in_sql(dynamic_table, relation, sql) -%}
  {{ kpi_snowflake_dynamic_table_sql('create or replace', dynamic_table, relation, sql, true) }}
{%- endmacro -%}

{%- macro kpi_snowflake_dynamic_table_sql(create, wanted, relation, sql, iceberg) -%}
  {%- set catalog_relation = adapter.build_catalog_relation(config.model) -%}
  {%- set transient = wanted.transient if wanted.transient is not none
      else adapter.behavior.snowflake_default_transient_dynamic_tables.no_warn %}
  {{ create }} {{ 'transient ' if transient and not iceberg }}dynamic {{ 'iceberg ' if iceberg }}table {{ relation }}
  {%- if wanted.target_lag is not none %}
  target_lag = {{ kpi_snowflake_text(wanted.target_lag) }}
  {%- endif %}
  warehouse = {{ wanted.warehouse_parameter }}
  {{- optional('initialization_warehouse', wanted.snowflake_initialization_warehouse) }}
  {%- if iceberg %}
  {{- optional('external_volume', catalog_relation.external_volume, "'") }}
  catalog = 'SNOWFLAKE'
  base_location = {{ kpi_snowflake_text(catalog_relation.base_location) }}
  {{- optional('iceberg_version', catalog_relation.iceberg_version) }}
  {%- endif %}
  {{- optional('refresh_mode', wanted.refresh_mode) }}
  {{- optional('initialize', wanted.initialize) }}
  scheduler = {{ kpi_snowflake_text(wanted.scheduler) }}
  {{- optional('with row access policy', wanted.row_access_policy, equals_char='') }}
  {{- optional('with tag', wanted.table_tag, quote_char='(', equals_char='') }}
  {{- optional('cluster by', wanted.cluster_by, quote_char='(', equals_char='') }}
  {%- if wanted.copy_grants and create != 'create' %}
  copy grants
  {%- endif %}
  {{- optional('immutable where', wanted.immutable_where, quote_char='(', equals_char='') }}
  as (
    {{ sql }}
  )
{%- endmacro -%}

{%- macro snowflake__get_alter_dynamic_table_as_sql(existing_relation, configuration_changes, target_relation, sql) -%}
  {%- if configuration_changes.requires_full_refresh -%}
    {%- do return(get_replace_sql(existing_relation, target_relation, sql)) -%}
  {%- endif -%}
  {%- set alter = 'alter dynamic table ' ~ existing_relation -%}
  {%- set statements = kpi_snowflake_refresh_alters(alter, configuration_changes, configuration_changes.snowflake_warehouse, configuration_changes.scheduler) -%}
  {%- set immutable = configuration_changes.immutable_where -%}
  {%- if immutable -%}
    {%- do statements.append(alter ~ (' set immutable where (' ~ immutable.context ~ ')' if immutable.context else ' unset immutable where')) -%}
  {%- endif -%}
  {%- set key = configuration_changes.cluster_by -%}
  {%- if key -%}
    {%- do statements.append(alter ~ (' cluster by (' ~ key.context ~ ')' if key.context else ' drop clustering key')) -%}
  {%- endif -%}
  {%- do return(statements | join(';\n')) -%}
{%- endmacro -%}

{#- What dynamic and interactive tables have in common: lag and warehouses. -#}
{%- macro kpi_snowflake_refresh_alters(alter, changes, warehouse, scheduler=none) -%}
  {%- set settings = [] -%}
  {%- if changes.target_lag and changes.target_lag.context -%}
    {%- do settings.append('target_lag = ' ~ kpi_snowflake_text(changes.target_lag.context)) -%}
  {%- endif -%}
  {%- if warehouse and warehouse.context -%}
    {%- do settings.append('warehouse = ' ~ warehouse.context) -%}
  {%- endif -%}
  {%- set initial = changes.snowflake_initialization_warehouse -%}
  {%- if initial and initial.context -%}
    {%- do settings.append('initialization_warehouse = ' ~ initial.context) -%}
  {%- endif -%}
  {%- if scheduler -%}
    {%- do settings.append('scheduler = ' ~ kpi_snowflake_text(scheduler.context)) -%}
  {%- endif -%}
  {%- set statements = [] -%}
  {%- if settings -%}
    {%- do statements.append(alter ~ ' set ' ~ settings | join(' ')) -%}
  {%- endif -%}
  {%- if initial and not initial.context -%}
    {%- do statements.append(alter ~ ' unset initialization_warehouse') -%}
  {%- endif -%}
  {%- do return(statements) -%}
{%- endmacro -%}

{%- macro snowflake__refresh_dynamic_table(relation) -%}
  alter dynamic table {{ relation }} refresh
{%- endmacro -%}

{%- macro snowflake__get_drop_dynamic_table_sql(relation) -%}
  drop dynamic table if exists {{ relation }}
{%- endmacro -%}

{#- dbt takes dynamic tables for materialized views. -#}
{%- macro snowflake__get_rename_materialized_view_sql(relation, new_name) -%}
  alter dynamic table {{ relation }} rename to {{ new_name }}
{%- endmacro -%}
