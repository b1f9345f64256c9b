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
    {%- do return(snowflake__get_replace_dynamic_table_sql(target_relation, sql)) -%}
  {%- endif -%}
  {%- set changes = kpi_snowflake_dynamic_table_changes(existing_relation, target_relation) -%}
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
    {%- do return(snowflake__get_replace_dynamic_table_sql(target_relation, sql)) -%}
  {%- endif -%}
  {%- do return(changes['alter'] | join(';\n')) -%}
{%- endmacro -%}

{#- The warehouse that refreshes the table. -#}
{%- macro kpi_snowflake_dynamic_table_warehouse() -%}
  {%- do return(config.get('refresh_warehouse') or config.get('snowflake_warehouse') or target.warehouse) -%}
{%- endmacro -%}

{#- A text to compare settings by: the database changes their case, spaces and quotes. -#}
{%- macro kpi_snowflake_plain(value) -%}
  {%- do return('' if value is none or value | string | upper in ['NONE', 'NULL'] else value | string | upper | replace(' ', '') | replace('"', '')) -%}
{%- endmacro -%}

{#- What differs between the database and the project: statements that alter it, and whether only a new table will do. -#}
{%- macro kpi_snowflake_dynamic_table_changes(relation, target_relation) -%}
  {%- set found = run_query(
      'show dynamic tables like ' ~ kpi_snowflake_text(relation.identifier) ~ ' in schema ' ~ relation.include(identifier=False)) -%}
  {%- if found | length == 0 -%}
    {%- do return({'alter': [], 'replace': true}) -%}
  {%- endif -%}
  {%- set row = {} -%}
  {%- for name in found.column_names -%}
    {%- do row.update({name | lower: found.rows[0][name]}) -%}
  {%- endfor -%}
  {%- set mode = kpi_snowflake_plain(config.get('refresh_mode') or 'AUTO') -%}
  {%- if mode != 'AUTO' and kpi_snowflake_plain(row['refresh_mode']) != mode -%}
    {%- do return({'alter': [], 'replace': true}) -%}
  {%- endif -%}

  {%- set alter = 'alter dynamic table ' ~ target_relation -%}
  {%- set settings = [] -%}
  {%- set statements = [] -%}
  {%- set lag = config.get('target_lag') -%}
  {%- if lag and kpi_snowflake_plain(row['target_lag']) != kpi_snowflake_plain(lag) -%}
    {%- do settings.append('target_lag = ' ~ kpi_snowflake_text(lag)) -%}
  {%- endif -%}
  {%- set warehouse = kpi_snowflake_dynamic_table_warehouse() -%}
  {%- if warehouse and kpi_snowflake_plain(row['warehouse']) != kpi_snowflake_plain(warehouse) -%}
    {%- do settings.append('warehouse = ' ~ warehouse) -%}
  {%- endif -%}
  {%- set initial = config.get('snowflake_initialization_warehouse') -%}
  {%- set initial_changed = kpi_snowflake_plain(row.get('initialization_warehouse')) != kpi_snowflake_plain(initial) -%}
  {%- if initial and initial_changed -%}
    {%- do settings.append('initialization_warehouse = ' ~ initial) -%}
  {%- endif -%}
  {%- set scheduler = config.get('scheduler') or ('ENABLE' if lag else 'DISABLE') -%}
  {%- if row.get('scheduler') and kpi_snowflake_plain(row['scheduler']) != kpi_snowflake_plain(scheduler) -%}
    {%- do settings.append('scheduler = ' ~ kpi_snowflake_text(scheduler)) -%}
  {%- endif -%}
  {%- if settings -%}
    {%- do statements.append(alter ~ ' set ' ~ settings | join(' ')) -%}
  {%- endif -%}
  {%- if initial_changed and not initial -%}
    {%- do statements.append(alter ~ ' unset initialization_warehouse') -%}
  {%- endif -%}

  {%- set immutable = config.get('immutable_where') -%}
  {%- set immutable_now = kpi_snowflake_plain(row.get('immutable_where')) | replace('IMMUTABLEWHERE', '') -%}
  {%- if immutable_now not in [kpi_snowflake_plain(immutable), '(' ~ kpi_snowflake_plain(immutable) ~ ')'] -%}
    {%- do statements.append(alter ~ (' set immutable where (' ~ immutable ~ ')' if immutable else ' unset immutable where')) -%}
  {%- endif -%}
  {%- set key = kpi_snowflake_cluster_key() -%}
  {%- set key_now = kpi_snowflake_plain(row.get('cluster_by')) | replace('LINEAR', '') -%}
  {%- if key_now not in [kpi_snowflake_plain(key), '(' ~ kpi_snowflake_plain(key) ~ ')'] -%}
    {%- do statements.append(alter ~ (' cluster by (' ~ key ~ ')' if key else ' drop clustering key')) -%}
  {%- endif -%}
  {%- do return({'alter': statements, 'replace': false}) -%}
{%- endmacro -%}

{%- macro snowflake__get_create_dynamic_table_as_sql(relation, sql) -%}
  {{ kpi_snowflake_dynamic_table_sql('create', relation, sql) }}
{%- endmacro -%}

{%- macro snowflake__get_replace_dynamic_table_sql(relation, sql) -%}
  {{ kpi_snowflake_dynamic_table_sql('create or replace', relation, sql) }}
{%- endmacro -%}

{%- macro kpi_snowflake_dynamic_table_sql(create, relation, sql) -%}
  {%- set key = kpi_snowflake_cluster_key() -%}
  {%- set lag = config.get('target_lag') -%}
  {%- if not lag and (config.get('scheduler') or 'DISABLE') | upper != 'DISABLE' -%}
    {%- do exceptions.raise_compiler_error("A dynamic table needs `target_lag`, for instance '1 hour' or 'downstream'") -%}
  {%- endif -%}
  {%- set iceberg = config.get('table_format') == 'iceberg' %}
  {{ create }} {{ 'transient ' if config.get('transient', false) and not iceberg }}dynamic {{ 'iceberg ' if iceberg }}table {{ relation }}
  {%- if lag %}
  target_lag = {{ kpi_snowflake_text(lag) }}
  {%- endif %}
  warehouse = {{ kpi_snowflake_dynamic_table_warehouse() }}
  {%- if config.get('snowflake_initialization_warehouse') %}
  initialization_warehouse = {{ config.get('snowflake_initialization_warehouse') }}
  {%- endif %}
  refresh_mode = {{ config.get('refresh_mode') or 'AUTO' }}
  initialize = {{ config.get('initialize') or 'ON_CREATE' }}
  scheduler = {{ kpi_snowflake_text(config.get('scheduler') or ('ENABLE' if lag else 'DISABLE')) }}
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
