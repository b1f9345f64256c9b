{#- Schemas and relations in DuckDB: what exists, and how it is created, renamed and dropped. -#}

{%- macro duckdb__create_schema(relation) -%}
  {%- set attached -%}
    select type from duckdb_databases()
    where lower(database_name) = '{{ relation.database | lower }}' and type != 'duckdb'
  {%- endset -%}
  {%- set found = run_query(attached) -%}
  {%- set kind = found.columns[0].values()[0] if found | length > 0 else 'duckdb' -%}
  {%- if kind == 'sqlite' and relation.schema != 'main' -%}
    {%- do exceptions.raise_compiler_error("Schema must be 'main' when writing to sqlite instead got " ~ relation.schema) -%}
  {%- elif kind not in ['sqlite', 'mysql'] -%}
    {%- call statement('create_schema') -%} create schema if not exists {{ relation.without_identifier() }} {%- endcall -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro duckdb__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%} drop schema if exists {{ relation.without_identifier() }} cascade {%- endcall -%}
{%- endmacro -%}

{%- macro duckdb__list_schemas(database) -%}
  {%- set query -%}
    select schema_name
    from system.information_schema.schemata
    {{ "where lower(catalog_name) = '" ~ database | lower ~ "'" if database is not none }}
  {%- endset -%}
  {%- do return(run_query(query)) -%}
{%- endmacro -%}

{%- macro duckdb__check_schema_exists(information_schema, schema) -%}
  {%- set query -%}
    select count(*)
    from system.information_schema.schemata
    where lower(schema_name) = '{{ schema | lower }}'
      and lower(catalog_name) = '{{ information_schema.database | lower }}'
  {%- endset -%}
  {%- do return(run_query(query)) -%}
{%- endmacro -%}

{%- macro duckdb__list_relations_without_caching(schema_relation) -%}
  {%- call statement('list_relations_without_caching', fetch_result=True) -%}
    select '{{ schema_relation.database }}' as database, name, schema, type
    from (
      select database_name, schema_name as schema, table_name as name, 'table' as type from duckdb_tables()
      union all
      select database_name, schema_name, view_name, 'view' from duckdb_views()
    )
    where lower(schema) = '{{ schema_relation.schema | lower }}'
      and lower(database_name) = '{{ schema_relation.database | lower }}'
  {%- endcall -%}
  {%- do return(load_result('list_relations_without_caching').table) -%}
{%- endmacro -%}

{%- macro duckdb__drop_relation(relation) -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type }} if exists {{ relation }} {{ 'cascade' if not adapter.is_ducklake(relation) }}
  {%- endcall -%}
{%- endmacro -%}

{%- macro duckdb__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation') -%}
    alter {{ to_relation.type }} {{ from_relation }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
  {%- endcall -%}
{%- endmacro -%}

{#- A temporary table belongs to one connection and lives outside of every schema; the time in its name
    keeps two of them on one connection apart. -#}
{%- macro duckdb__make_temp_relation(base_relation, suffix) -%}
  {%- do return(base_relation.incorporate(path={
      'identifier': base_relation.identifier ~ suffix ~ py_current_timestring(),
      'schema': none,
      'database': none,
  })) -%}
{%- endmacro -%}

{#- Scratch space for incremental models and snapshots: {relation, temporary}. MotherDuck has no temporary
    tables on its side, so there a real table in a schema of its own takes that part. -#}
{%- macro duckdb__dispatch_temporary_relation(target_relation, batch_id='') -%}
  {%- if not adapter.is_motherduck() -%}
    {%- do return({'relation': make_temp_relation(target_relation), 'temporary': true}) -%}
  {%- endif -%}
  {%- set relation = target_relation.incorporate(path=adapter.get_temp_relation_path(target_relation, batch_id)) -%}
  {%- do create_schema(relation) -%}
  {%- if not adapter.disable_transactions() -%}
    {%- do adapter.commit() -%}
  {%- endif -%}
  {%- do return({'relation': relation, 'temporary': false}) -%}
{%- endmacro -%}

{%- macro duckdb__current_timestamp() -%}
  now()
{%- endmacro -%}

{%- macro duckdb__snapshot_get_time() -%}
  {{ current_timestamp() }}::timestamp
{%- endmacro -%}

{%- macro duckdb__snapshot_string_as_time(timestamp) -%}
  {%- do return("'" ~ timestamp ~ "'::timestamp") -%}
{%- endmacro -%}

{%- macro duckdb__apply_grants(relation, grant_config, should_revoke=True) -%}
  {%- if grant_config -%}
    {%- do adapter.warn_once('Grants for relations are not supported by DuckDB') -%}
  {%- endif -%}
{%- endmacro -%}
