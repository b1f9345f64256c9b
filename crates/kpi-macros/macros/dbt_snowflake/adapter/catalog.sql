{#- Every column of every relation, with types, comments and what the database knows of the tables' size. -#}

{%- macro snowflake__get_catalog(information_schema, schemas) -%}
  {%- do return(kpi_snowflake_catalog(information_schema, snowflake__get_catalog_schemas_where_clause_sql(schemas))) -%}
{%- endmacro -%}

{%- macro snowflake__get_catalog_relations(information_schema, relations) -%}
  {%- do return(kpi_snowflake_catalog(information_schema, snowflake__get_catalog_relations_where_clause_sql(relations))) -%}
{%- endmacro -%}

{%- macro kpi_snowflake_catalog(information_schema, condition) -%}
  {%- set query -%}
    with tables as (
      {{ snowflake__get_catalog_tables_sql(information_schema) }}
      {{ condition }}
    ),
    columns as (
      {{ snowflake__get_catalog_columns_sql(information_schema) }}
      {{ condition }}
    )
    {{ snowflake__get_catalog_results_sql() }}
  {%- endset -%}
  {%- do return(run_query(query)) -%}
{%- endmacro -%}

{#- id, label, value, description and condition of each statistic that the documentation shows. -#}
{%- macro kpi_snowflake_statistic(id, label, value, description, condition) -%}
  {%- set name = 'stats:' ~ id ~ ':' %}
      '{{ label }}' as "{{ name }}label",
      {{ value }} as "{{ name }}value",
      '{{ description }}' as "{{ name }}description",
      ({{ condition }}) as "{{ name }}include"
{%- endmacro -%}

{%- macro snowflake__get_catalog_tables_sql(information_schema) -%}
  select
      table_catalog as "table_database",
      table_schema as "table_schema",
      table_name as "table_name",
      case when is_dynamic = 'YES' and table_type = 'BASE TABLE' then 'DYNAMIC TABLE' else table_type end as "table_type",
      comment as "table_comment",
      table_owner as "table_owner",
      {{ kpi_snowflake_statistic('clustering_key', 'Clustering Key', 'clustering_key', 'The key used to cluster this table', 'clustering_key is not null') }},
      {{ kpi_snowflake_statistic('row_count', 'Row Count', 'row_count', 'Number of rows, about', 'row_count is not null') }},
      {{ kpi_snowflake_statistic('bytes', 'Approximate Size', 'bytes', 'Size of the table as Snowflake tells it', 'bytes is not null') }},
      {{ kpi_snowflake_statistic('last_modified', 'Last Modified', "to_varchar(convert_timezone('UTC', last_altered), 'yyyy-mm-dd HH24:MI'||'UTC')", 'When the table last changed', "last_altered is not null and table_type = 'BASE TABLE'") }}
  from {{ information_schema }}.tables
{%- endmacro -%}

{%- macro snowflake__get_catalog_columns_sql(information_schema) -%}
  select
      table_catalog as "table_database",
      table_schema as "table_schema",
      table_name as "table_name",
      column_name as "column_name",
      ordinal_position as "column_index",
      data_type as "column_type",
      comment as "column_comment"
  from {{ information_schema }}.columns
{%- endmacro -%}

{%- macro snowflake__get_catalog_results_sql() -%}
  select *
  from tables
  join columns using ("table_database", "table_schema", "table_name")
  order by "column_index"
{%- endmacro -%}

{%- macro snowflake__get_catalog_schemas_where_clause_sql(schemas) -%}
  {%- set any = [] -%}
  {%- for schema in schemas -%}
    {%- do any.append("upper(\"table_schema\") = upper('" ~ schema ~ "')") -%}
  {%- endfor -%}
  where {{ any | join(' or ') or 'false' }}
{%- endmacro -%}

{%- macro snowflake__get_catalog_relations_where_clause_sql(relations) -%}
  {%- set any = [] -%}
  {%- for relation in relations -%}
    {%- if not relation.schema -%}
      {%- do exceptions.raise_compiler_error('`get_catalog_relations` requires a list of relations, each with a schema') -%}
    {%- endif -%}
    {%- do any.append("(upper(\"table_schema\") = upper('" ~ relation.schema ~ "')"
        ~ (" and upper(\"table_name\") = upper('" ~ relation.identifier ~ "')" if relation.identifier else '') ~ ')') -%}
  {%- endfor -%}
  where {{ any | join(' or ') or 'false' }}
{%- endmacro -%}
