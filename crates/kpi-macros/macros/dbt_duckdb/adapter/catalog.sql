{#- Every column of every relation, with types and comments: what the documentation site shows. -#}

{%- macro duckdb__get_catalog(information_schema, schemas) -%}
  {%- do return(kpi_duckdb_catalog(information_schema, duckdb__get_catalog_schemas_where_clause_sql(schemas))) -%}
{%- endmacro -%}

{%- macro duckdb__get_catalog_relations(information_schema, relations) -%}
  {%- do return(kpi_duckdb_catalog(information_schema, duckdb__get_catalog_relations_where_clause_sql(relations))) -%}
{%- endmacro -%}

{%- macro kpi_duckdb_catalog(information_schema, condition) -%}
  {%- set query -%}
    with tables as (
      {{ duckdb__get_catalog_tables_sql(information_schema) }}
      {{ condition }}
    ),
    columns as (
      {{ duckdb__get_catalog_columns_sql(information_schema) }}
      {{ condition }}
    )
    {{ duckdb__get_catalog_results_sql() }}
  {%- endset -%}
  {%- do return(run_query(query)) -%}
{%- endmacro -%}

{#- Both queries are open for a where clause. -#}

{%- macro duckdb__get_catalog_tables_sql(information_schema) -%}
  select database_name as table_database, schema_name as table_schema, table_name, table_type, comment as table_comment
  from (
    select database_name, schema_name, table_name, 'BASE TABLE' as table_type, comment from duckdb_tables()
    union all
    select database_name, schema_name, view_name, 'VIEW', comment from duckdb_views()
  ) relations
  semi join (select lower('{{ information_schema.database }}') as wanted) on lower(database_name) = wanted
{%- endmacro -%}

{%- macro duckdb__get_catalog_columns_sql(information_schema) -%}
  select
    database_name as table_database, schema_name as table_schema, table_name,
    column_name, column_index, data_type as column_type, comment as column_comment
  from duckdb_columns()
  semi join (select lower('{{ information_schema.database }}') as wanted) on lower(database_name) = wanted
{%- endmacro -%}

{%- macro duckdb__get_catalog_results_sql() -%}
  select
    table_database, table_schema, table_name, tables.table_type, tables.table_comment,
    columns.column_name, columns.column_index, columns.column_type, columns.column_comment,
    null as table_owner
  from tables
  join columns using (table_database, table_schema, table_name)
  order by table_schema, table_name, column_index
{%- endmacro -%}

{%- macro duckdb__get_catalog_schemas_where_clause_sql(schemas) -%}
  {%- set any = [] -%}
  {%- for schema in schemas -%}
    {%- do any.append("lower(table_schema) = lower('" ~ schema ~ "')") -%}
  {%- endfor -%}
  where {{ any | join(' or ') or 'false' }}
{%- endmacro -%}

{%- macro duckdb__get_catalog_relations_where_clause_sql(relations) -%}
  {%- set any = [] -%}
  {%- for relation in relations -%}
    {%- if not relation.schema -%}
      {%- do exceptions.raise_compiler_error('`get_catalog_relations` requires a list of relations, each with a schema') -%}
    {%- endif -%}
    {%- do any.append("lower(table_schema) = lower('" ~ relation.schema ~ "')"
        ~ (" and lower(table_name) = lower('" ~ relation.identifier ~ "')" if relation.identifier else '')) -%}
  {%- endfor -%}
  where {{ any | join(' or ') or 'false' }}
{%- endmacro -%}
