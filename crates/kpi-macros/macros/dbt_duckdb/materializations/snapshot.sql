{#- Snapshots in DuckDB: the staging table is temporary, and the merge is an update and an insert. -#}

{%- macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- set scratch = duckdb__dispatch_temporary_relation(target_relation) -%}
  {%- set rows_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(scratch.temporary, scratch.relation, rows_sql) }}
  {%- endcall -%}
  {%- do return(scratch.relation) -%}
{%- endmacro -%}

{%- macro duckdb__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = kpi_snapshot_columns() -%}
  {%- set current_end = config.get('dbt_valid_to_current') -%}
  {%- set end = 'DBT_INTERNAL_TARGET.' ~ columns.dbt_valid_to %}
  update {{ target }} as DBT_INTERNAL_TARGET
  set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }}::text = DBT_INTERNAL_TARGET.{{ columns.dbt_scd_id }}::text
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    and ({{ end ~ ' = ' ~ current_end ~ ' or ' if current_end }}{{ end }} is null);

  insert into {{ target }} ({{ insert_cols | join(', ') }})
  select {{ insert_cols | join(', ') }}
  from {{ source }}
  where dbt_change_type = 'insert';
{%- endmacro -%}

{%- macro duckdb__post_snapshot(temporary_relation) -%}
  {%- do return(drop_relation(temporary_relation)) -%}
{%- endmacro -%}
