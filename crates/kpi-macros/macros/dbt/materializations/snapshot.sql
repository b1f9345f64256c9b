{#- A snapshot keeps every version of a row. The target holds the query's columns and five of its own: which
    version this is (scd_id), when it was seen, from when to when it held, and whether the row was deleted. -#}

{% materialization snapshot, default %}
  {%- set existed, target_relation = get_or_create_relation(
      database=model.database, schema=model.schema,
      identifier=model.get('alias', model.get('name')), type='table') -%}
  {%- if not target_relation.is_table -%}
    {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
  {%- endif -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {%- set strategy = strategy_dispatch(config.get('strategy'))(
      model, 'snapshotted_data', 'source_data', model['config'], existed) -%}
  {%- set staged = none -%}
  {%- if existed -%}
    {%- do adapter.assert_valid_snapshot_target_given_strategy(target_relation, kpi_snapshot_columns(), strategy) -%}
    {%- set rows_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- set staged = build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- do adapter.expand_target_column_types(from_relation=staged, to_relation=target_relation) -%}

    {#- Columns that steer the merge and are not part of the history. -#}
    {%- set steering = ['dbt_change_type', 'dbt_unique_key'] -%}
    {%- if strategy.unique_key | is_list -%}
      {%- for part in strategy.unique_key -%}
        {%- do steering.append('dbt_unique_key_' ~ loop.index) -%}
      {%- endfor -%}
    {%- endif -%}
    {%- set steering = steering + (steering | map('upper') | list) -%}

    {#- A column that the query gained is added; one that it lost stays, and is null from now on. -#}
    {%- do create_columns(target_relation,
        adapter.get_missing_columns(staged, target_relation) | rejectattr('name', 'in', steering) | list) -%}
    {%- set names = [] -%}
    {%- for column in adapter.get_columns_in_relation(staged) | rejectattr('name', 'in', steering) -%}
      {%- do names.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- set build_sql = snapshot_merge_sql(target=target_relation, source=staged, insert_cols=names) -%}
  {%- else -%}
    {%- set rows_sql = build_snapshot_table(strategy, model['compiled_code']) -%}
    {%- set build_sql = create_table_as(False, target_relation, rows_sql) -%}
  {%- endif -%}
  {%- do check_time_data_types(rows_sql) -%}

  {%- call statement('main') -%} {{ build_sql }} {%- endcall -%}

  {%- do kpi_grant_and_document(target_relation, existed, False) -%}
  {%- if not existed -%}
    {%- do create_indexes(target_relation) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}

  {%- if staged is not none -%}
    {%- do post_snapshot(staged) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [target_relation]}) -%}
{% endmaterialization %}

{#- The snapshot's own columns, under the names that the project gives them. -#}
{%- macro kpi_snapshot_columns() -%}
  {%- do return(config.get('snapshot_table_column_names') or get_snapshot_table_column_names()) -%}
{%- endmacro -%}

{%- macro get_snapshot_table_column_names() -%}
  {%- set names = {} -%}
  {%- for name in ['dbt_valid_to', 'dbt_valid_from', 'dbt_scd_id', 'dbt_updated_at', 'dbt_is_deleted'] -%}
    {%- do names.update({name: name}) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{%- endmacro -%}

{#- The first run: every row is the first version of itself. -#}
{%- macro build_snapshot_table(strategy, sql) -%}
  {%- do return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) -%}
{%- endmacro -%}

{%- macro default__build_snapshot_table(strategy, sql) -%}
  {%- set columns = kpi_snapshot_columns() %}
  select *,
    {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
    {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
    {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
    {{ get_dbt_valid_to_current(strategy, columns) }}
    {%- if strategy.hard_deletes == 'new_record' %},
    'False' as {{ columns.dbt_is_deleted }}
    {%- endif %}
  from (
    {{ sql }}
  ) sbq
{%- endmacro -%}

{%- macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- set staged = make_temp_relation(target_relation) -%}
  {%- set rows_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%} {{ create_table_as(True, staged, rows_sql) }} {%- endcall -%}
  {%- do return(staged) -%}
{%- endmacro -%}

{#- Later runs: what has to change, as rows of `dbt_change_type` insert (a new version), update and delete (an
    old version that ends). -#}
{%- macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- do return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) -%}
{%- endmacro -%}

{%- macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- set columns = kpi_snapshot_columns() -%}
  {%- set key = strategy.unique_key -%}
  {%- set now = snapshot_get_time() -%}
  {%- set current_end = config.get('dbt_valid_to_current') -%}
  {%- set keep_deleted = strategy.hard_deletes == 'new_record' -%}
  {%- set find_deleted = keep_deleted or strategy.hard_deletes == 'invalidate' -%}
  {%- set last_is_deletion = 'snapshotted_data.' ~ columns.dbt_is_deleted ~ " = 'True'" -%}
  {#- A row that comes back after its deletion is new, even if nothing else about it changed. -#}
  {%- set changed = '(' ~ strategy.row_changed ~ (' or ' ~ last_is_deletion if keep_deleted else '') ~ ')' -%}
  {%- set same_row = unique_key_join_on(key, 'snapshotted_data', 'source_data') -%}
  with snapshot_query as (
    {{ source_sql }}
  ),

  snapshotted_data as (
    select *, {{ unique_key_fields(key) }}
    from {{ target_relation }}
    where
    {%- if current_end %} ({{ equals(columns.dbt_valid_to, current_end | trim) }} or {{ columns.dbt_valid_to }} is null)
    {%- else %} {{ columns.dbt_valid_to }} is null
    {%- endif %}
  ),

  new_versions as (
    select *, {{ unique_key_fields(key) }},
      {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
      {{ get_dbt_valid_to_current(strategy, columns) }},
      {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
    from snapshot_query
  ),

  old_version_ends as (
    select *, {{ unique_key_fields(key) }},
      {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
      {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
    from snapshot_query
  ),

  insertions as (
    select 'insert' as dbt_change_type, source_data.*
      {%- if keep_deleted %}, 'False' as {{ columns.dbt_is_deleted }}{% endif %}
    from new_versions as source_data
    left join snapshotted_data on {{ same_row }}
    where {{ unique_key_is_null(key, 'snapshotted_data') }}
      or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and {{ changed }})
  ),

  updates as (
    select 'update' as dbt_change_type, source_data.*, snapshotted_data.{{ columns.dbt_scd_id }}
      {%- if keep_deleted %}, snapshotted_data.{{ columns.dbt_is_deleted }}{% endif %}
    from old_version_ends as source_data
    join snapshotted_data on {{ same_row }}
    where {{ changed }}
  )

  {%- if find_deleted -%},

  rows_now as (
    select *, {{ unique_key_fields(key) }} from snapshot_query
  ),

  {#- Rows of the history that the query has no more, without those whose deletion is on record already. #}
  deletes as (
    select 'delete' as dbt_change_type, source_data.*,
      {{ now }} as {{ columns.dbt_valid_from }},
      {{ now }} as {{ columns.dbt_updated_at }},
      {{ now }} as {{ columns.dbt_valid_to }},
      snapshotted_data.{{ columns.dbt_scd_id }}
      {%- if keep_deleted %}, snapshotted_data.{{ columns.dbt_is_deleted }}{% endif %}
    from snapshotted_data
    left join rows_now as source_data on {{ same_row }}
    where {{ unique_key_is_null(key, 'source_data') }}
    {%- if keep_deleted %} and not {{ kpi_snapshot_deletion_recorded(columns, last_is_deletion, current_end) }}{% endif %}
  )
  {%- endif -%}

  {%- if keep_deleted -%},
  {%- set target_names = get_list_of_column_names(get_columns_in_relation(target_relation)) %}

  deletion_records as (
    select 'insert' as dbt_change_type,
      {%- for name in get_columns_in_query(source_sql) %}
      {{ 'snapshotted_data' if name in target_names else 'source_data' }}.{{ adapter.quote(name) }},
      {%- endfor -%}
      {%- if key | is_list -%}
      {%- for part in key %}
      snapshotted_data.{{ part }} as dbt_unique_key_{{ loop.index }},
      {%- endfor -%}
      {%- else %}
      snapshotted_data.dbt_unique_key as dbt_unique_key,
      {%- endif %}
      {{ now }} as {{ columns.dbt_valid_from }},
      {{ now }} as {{ columns.dbt_updated_at }},
      snapshotted_data.{{ columns.dbt_valid_to }} as {{ columns.dbt_valid_to }},
      {{ snapshot_hash_arguments([columns.dbt_scd_id, now]) }} as {{ columns.dbt_scd_id }},
      'True' as {{ columns.dbt_is_deleted }}
    from snapshotted_data
    left join rows_now as source_data on {{ same_row }}
    where {{ unique_key_is_null(key, 'source_data') }}
      and not {{ kpi_snapshot_deletion_recorded(columns, last_is_deletion, current_end) }}
  )
  {%- endif %}

  select * from insertions
  union all
  select * from updates
  {%- if find_deleted %}
  union all
  select * from deletes
  {%- endif -%}
  {%- if keep_deleted %}
  union all
  select * from deletion_records
  {%- endif %}
{%- endmacro -%}

{%- macro kpi_snapshot_deletion_recorded(columns, last_is_deletion, current_end) -%}
  {%- set end = 'snapshotted_data.' ~ columns.dbt_valid_to -%}
  ({{ last_is_deletion }} and {{ end }} {{ '= ' ~ current_end if current_end else 'is null' }})
{%- endmacro -%}

{#- Ends old versions and adds new ones. -#}
{%- macro snapshot_merge_sql(target, source, insert_cols) -%}
  {%- do return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) -%}
{%- endmacro -%}

{%- macro default__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = kpi_snapshot_columns() -%}
  {%- set names = insert_cols | join(', ') -%}
  {%- set current_end = config.get('dbt_valid_to_current') -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to %}
  merge into {{ target.render() }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }}
  when matched
    and {% if current_end %}({{ equals(end, current_end | trim) }} or {{ end }} is null){% else %}{{ end }} is null{% endif %}
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    then update set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
  when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
    then insert ({{ names }}) values ({{ names }})
{%- endmacro -%}

{%- macro create_columns(relation, columns) -%}
  {%- do return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) -%}
{%- endmacro -%}

{%- macro default__create_columns(relation, columns) -%}
  {%- for column in columns -%}
    {%- call statement() -%}
      alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }};
    {%- endcall -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro post_snapshot(staging_relation) -%}
  {%- do return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) -%}
{%- endmacro -%}

{#- A temporary staging table goes with its connection. -#}
{%- macro default__post_snapshot(staging_relation) -%}{%- endmacro -%}

{%- macro get_true_sql() -%}
  {%- do return(adapter.dispatch('get_true_sql', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_true_sql() -%}
  {%- do return('TRUE') -%}
{%- endmacro -%}

{#- The end of a version that still holds: null or what the project wants there, in the type of the times. -#}
{%- macro get_dbt_valid_to_current(strategy, columns) -%}
  case when 1 = 0 then {{ strategy.updated_at }} else {{ config.get('dbt_valid_to_current') or 'null' }} end as {{ columns.dbt_valid_to }}
{%- endmacro -%}

{#- A unique key is one expression or a list of them; these four spell it for both cases. -#}

{%- macro unique_key_fields(unique_key) -%}
  {%- if unique_key | is_list -%}
    {%- for part in unique_key -%}
      {{ part }} as dbt_unique_key_{{ loop.index }}{{ ', ' if not loop.last }}
    {%- endfor -%}
  {%- else -%}
    {{ unique_key }} as dbt_unique_key
  {%- endif -%}
{%- endmacro -%}

{%- macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
  {%- if unique_key | is_list -%}
    {%- for part in unique_key -%}
      {{ equals(identifier ~ '.dbt_unique_key_' ~ loop.index, from_identifier ~ '.dbt_unique_key_' ~ loop.index) | trim }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
  {%- else -%}
    {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
  {%- endif -%}
{%- endmacro -%}

{%- macro unique_key_is_null(unique_key, identifier) -%}
  {{ identifier }}.{{ 'dbt_unique_key_1' if unique_key | is_list else 'dbt_unique_key' }} is null
{%- endmacro -%}

{%- macro unique_key_is_not_null(unique_key, identifier) -%}
  {{ identifier }}.{{ 'dbt_unique_key_1' if unique_key | is_list else 'dbt_unique_key' }} is not null
{%- endmacro -%}

{#- A zone-less `updated_at` next to a zoned clock (or the other way round) makes wrong histories: warn. -#}
{%- macro check_time_data_types(sql) -%}
  {%- set updated_at_type = get_updated_at_column_data_type(sql) -%}
  {%- set now_type = get_snapshot_get_time_data_type() -%}
  {%- if updated_at_type is not none and now_type is not none and updated_at_type != now_type
      and exceptions.warn_snapshot_timestamp_data_types -%}
    {%- do exceptions.warn_snapshot_timestamp_data_types(now_type, updated_at_type) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro get_updated_at_column_data_type(snapshot_sql) -%}
  {%- set ns = namespace(type=none) -%}
  {%- for column in get_column_schema_from_query(snapshot_sql) if column.column in ['dbt_updated_at', 'DBT_UPDATED_AT'] -%}
    {%- set ns.type = column.dtype -%}
  {%- endfor -%}
  {%- do return(ns.type or none) -%}
{%- endmacro -%}
