{#- What exists in Snowflake, and how it is created, renamed and dropped. -#}

{%- macro snowflake__list_schemas(database) -%}
  {%- do return(run_query('show terse schemas in database ' ~ database ~ ' limit 10000')) -%}
{%- endmacro -%}

{%- macro snowflake__check_schema_exists(information_schema, schema) -%}
  {%- call statement('check_schema_exists', fetch_result=True) -%}
    select count(*)
    from {{ information_schema }}.schemata
    where upper(schema_name) = upper('{{ schema }}')
      and upper(catalog_name) = upper('{{ information_schema.database }}')
  {%- endcall -%}
  {%- do return(load_result('check_schema_exists').table) -%}
{%- endmacro -%}

{%- macro snowflake__list_relations_without_caching(schema_relation, max_iter=10000, max_results_per_iter=10000) -%}
  {%- set schema = schema_relation if schema_relation is string else schema_relation.include(identifier=False) -%}
  {%- do return(run_query('show objects in ' ~ schema ~ ' limit ' ~ max_results_per_iter)) -%}
{%- endmacro -%}

{%- macro snowflake__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation') -%}
    alter {{ 'view' if from_relation.is_view else 'table' }} {{ from_relation }} rename to {{ to_relation }}
  {%- endcall -%}
{%- endmacro -%}

{%- macro snowflake__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ new_name }}
{%- endmacro -%}

{%- macro snowflake__get_rename_view_sql(relation, new_name) -%}
  alter view {{ relation }} rename to {{ new_name }}
{%- endmacro -%}

{%- macro snowflake__get_drop_sql(relation) -%}
  {%- if relation.type == 'dynamic_table' -%}
    drop dynamic table if exists {{ relation }}
  {%- else -%}
    {{ default__get_drop_sql(relation) }}
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__truncate_relation(relation) -%}
  {%- call statement('truncate_relation') -%}
    {{ snowflake_dml_explicit_transaction('truncate table ' ~ relation.render()) }}
  {%- endcall -%}
{%- endmacro -%}

{#- Metadata tells when a table last changed, without reading it: the freshness of sources that have no column for it. -#}
{%- macro snowflake__get_relation_last_modified(information_schema, relations) -%}
  {%- set any = [] -%}
  {%- for relation in relations -%}
    {%- do any.append("(upper(table_schema) = upper('" ~ relation.schema ~ "') and upper(table_name) = upper('" ~ relation.identifier ~ "'))") -%}
  {%- endfor -%}
  {%- call statement('last_modified', fetch_result=True) -%}
    select
      table_schema as schema,
      table_name as identifier,
      last_altered as last_modified,
      {{ current_timestamp() }} as snapshotted_at
    from {{ information_schema }}.tables
    where {{ any | join(' or ') or 'false' }}
  {%- endcall -%}
  {%- do return(load_result('last_modified')) -%}
{%- endmacro -%}
