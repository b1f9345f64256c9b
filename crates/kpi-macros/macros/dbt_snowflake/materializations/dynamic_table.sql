{#- A table that the database keeps fresh by itself, as far behind its inputs as `target_lag` allows. -#}

{% materialization dynamic_table, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type='dynamic_table') -%}

  {%- do run_hooks(pre_hooks) -%}
  {%- set build_sql = dynamic_table_get_build_sql(old, new) -%}
  {%- if build_sql | trim -%}
    {%- call statement('main') -%} {{ build_sql }} {%- endcall -%}
    {%- do apply_grants(new, config.get('grants'), should_revoke=should_revoke(old, full_refresh_mode=True)) -%}
    {%- do persist_docs(new, model) -%}
  {%- else -%}
    {%- do store_raw_result(name='main', message='skip ' ~ new, code='skip', rows_affected='-1') -%}
  {%- endif -%}
  {%- if (config.get('scheduler') or '') | upper == 'DISABLE' -%}
    {%- do run_query('alter dynamic table ' ~ new ~ ' refresh') -%}
  {%- endif -%}

  {%- do run_hooks(post_hooks) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{#- SQL that makes, replaces or changes the table; nothing where it is as the project wants it. -#}
{%- macro dynamic_table_get_build_sql(existing_relation, target_relation) -%}
  {%- if existing_relation is none -%}
    {%- do return(snowflake__get_create_dynamic_table_as_sql(target_relation, sql)) -%}
  {%- elif existing_relation.type != 'dynamic_table' -%}
    {%- do kpi_snowflake_of_another_type(existing_relation, ['dynamic_table']) -%}
    {%- do return(snowflake__get_create_dynamic_table_as_sql(target_relation, sql)) -%}
  {%- elif should_full_refresh() -%}
    {%- do return(snowflake__get_create_dynamic_table_as_sql(target_relation, sql)) -%}
  {%- endif -%}
  {%- set changes = kpi_snowflake_dynamic_table_changes(existing_relation) -%}
  {%- set on_change = config.get('on_configuration_change') or 'apply' -%}
  {%- if not changes['alter'] and not changes['replace'] -%}
    {%- do return('') -%}
  {%- elif on_change == 'continue' -%}
    {%- do exceptions.warn('The configuration of `' ~ target_relation ~ '` has changed, and `on_configuration_change` is `continue`: it stays as it is') -%}
    {%- do return('') -%}
  {%- elif on_change == 'fail' -%}
    {%- do exceptions.raise_fail_fast_error('The configuration of `' ~ target_relation ~ '` has changed, and `on_configuration_change` is `fail`') -%}
  {%- elif on_change != 'apply' -%}
    {%- do exceptions.raise_compiler_error("`on_configuration_change` is one of apply, continue, fail, not '" ~ on_change ~ "'") -%}
  {%- elif changes['replace'] -%}
    {%- do return(snowflake__get_create_dynamic_table_as_sql(target_relation, sql)) -%}
  {%- endif -%}
  {%- do return('alter dynamic table ' ~ target_relation ~ ' set ' ~ changes['alter'] | join(' ')) -%}
{%- endmacro -%}

{%- macro kpi_snowflake_dynamic_table_warehouse() -%}
  {%- do return(config.get('snowflake_warehouse') or target.warehouse) -%}
{%- endmacro -%}

{#- What differs between the database and the project: what can be altered, and whether only a new table will do. -#}
{%- macro kpi_snowflake_dynamic_table_changes(relation) -%}
  {%- set changes = {'alter': [], 'replace': false} -%}
  {%- set found = run_query(
      "show dynamic tables like " ~ kpi_snowflake_text(relation.identifier) ~ " in schema " ~ relation.include(identifier=False)) -%}
  {%- if found | length == 0 -%}
    {%- do changes.update({'replace': true}) -%}
    {%- do return(changes) -%}
  {%- endif -%}
  {%- set row = found.rows[0] -%}
  {%- set lag = config.get('target_lag') -%}
  {%- if lag and row['target_lag'] | lower != lag | lower -%}
    {%- do changes['alter'].append('target_lag = ' ~ kpi_snowflake_text(lag)) -%}
  {%- endif -%}
  {%- set warehouse = kpi_snowflake_dynamic_table_warehouse() -%}
  {%- if warehouse and row['warehouse'] | upper != warehouse | upper -%}
    {%- do changes['alter'].append('warehouse = ' ~ warehouse) -%}
  {%- endif -%}
  {%- set mode = (config.get('refresh_mode') or 'AUTO') | upper -%}
  {%- if mode != 'AUTO' and row['refresh_mode'] | upper != mode -%}
    {%- do changes.update({'replace': true}) -%}
  {%- endif -%}
  {%- do return(changes) -%}
{%- endmacro -%}

{%- macro snowflake__get_create_dynamic_table_as_sql(relation, sql) -%}
  {%- set key = kpi_snowflake_cluster_key() -%}
  {%- set lag = config.get('target_lag') -%}
  {%- if not lag and (config.get('scheduler') or '') | upper != 'DISABLE' -%}
    {%- do exceptions.raise_compiler_error("A dynamic table needs `target_lag`, for instance '1 hour' or 'downstream'") -%}
  {%- endif %}
  create or replace dynamic table {{ relation }}
  {%- if lag %}
  target_lag = {{ kpi_snowflake_text(lag) }}
  {%- endif %}
  warehouse = {{ kpi_snowflake_dynamic_table_warehouse() }}
  {%- if config.get('snowflake_initialization_warehouse') %}
  initialization_warehouse = {{ config.get('snowflake_initialization_warehouse') }}
  {%- endif %}
  refresh_mode = {{ config.get('refresh_mode') or 'AUTO' }}
  initialize = {{ config.get('initialize') or 'ON_CREATE' }}
  {%- if config.get('scheduler') %}
  scheduler = {{ kpi_snowflake_text(config.get('scheduler')) }}
  {%- endif %}
  {%- if key %}
  cluster by ({{ key }})
  {%- endif %}
  {%- if config.get('row_access_policy') %}
  with row access policy {{ config.get('row_access_policy') }}
  {%- endif %}
  {%- if config.get('table_tag') %}
  with tag ({{ config.get('table_tag') }})
  {%- endif %}
  {%- if config.get('immutable_where') %}
  immutable where ({{ config.get('immutable_where') }})
  {%- endif %}
  as (
    {{ sql }}
  )
{%- endmacro -%}
