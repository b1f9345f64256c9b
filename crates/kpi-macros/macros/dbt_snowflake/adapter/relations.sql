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

{%- macro snowflake__show_objects_sql(schema, max_results_per_iter=10000, watermark=none) -%}
  {%- do return('show objects in ' ~ schema ~ ' limit ' ~ max_results_per_iter
      ~ ('' if watermark is none else ' from ' ~ kpi_snowflake_text(watermark))) -%}
{%- endmacro -%}

{%- macro snowflake__list_function_relations_without_caching(schema_relation) -%}
  {%- set schema = schema_relation if schema_relation is string else schema_relation.include(identifier=False) -%}
  {%- do return(run_query('show user functions in ' ~ schema)) -%}
{%- endmacro -%}

{%- macro snowflake__list_relations_without_caching(schema_relation, max_iter=10000, max_results_per_iter=10000) -%}
  {%- set schema = schema_relation if schema_relation is string else schema_relation.include(identifier=False) -%}
  {%- do return(run_query(snowflake__show_objects_sql(schema, max_results_per_iter))) -%}
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

{#- What a project creates besides tables and views. -#}
{%- macro snowflake__get_create_sql(relation, sql) -%}
  {%- if relation.is_dynamic_table -%}
    {{ snowflake__get_create_dynamic_table_as_sql(relation, sql) }}
  {%- elif relation.is_interactive_table -%}
    {{ snowflake__get_create_interactive_table_as_sql(relation, sql) }}
  {%- else -%}
    {{ default__get_create_sql(relation, sql) }}
  {%- endif -%}
{%- endmacro -%}

{#- Relations of two types, and Iceberg tables, cannot replace each other. The old one waits under another name until the
    new one stands, where it can be renamed. -#}
{%- macro snowflake__get_replace_sql(existing_relation, target_relation, sql) -%}
  {%- if existing_relation.is_dynamic_table and target_relation.is_dynamic_table -%}
    {{ snowflake__get_replace_dynamic_table_sql(target_relation, sql) }}
  {%- elif existing_relation.is_interactive_table and target_relation.is_interactive_table -%}
    {{ snowflake__get_replace_interactive_table_sql(target_relation, sql) }}
  {%- elif existing_relation.type == target_relation.type and existing_relation.is_table -%}
    {{ get_replace_table_sql(target_relation, sql) }}
  {%- elif existing_relation.type == target_relation.type and existing_relation.is_view -%}
    {{ get_replace_view_sql(target_relation, sql) }}
  {%- elif existing_relation.is_iceberg_format or existing_relation.type not in ['table', 'view', 'dynamic_table', 'interactive_table'] -%}
    {{ get_drop_sql(existing_relation) }};
    {{ get_create_intermediate_sql(target_relation, sql) }};
    {{ get_rename_intermediate_sql(target_relation) }}
  {%- else -%}
    {{ get_create_intermediate_sql(target_relation, sql) }};
    {{ get_create_backup_sql(existing_relation) }};
    {{ get_rename_intermediate_sql(target_relation) }};
    {{ get_drop_backup_sql(existing_relation) }}
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__get_create_backup_sql(relation) -%}
  {%- set backup = make_backup_relation(relation, relation.type) -%}
  {{ get_drop_sql(backup) }};
  {{ get_rename_sql(relation, backup.render()) }}
{%- endmacro -%}

{%- macro snowflake__get_rename_intermediate_sql(relation) -%}
  {{ get_rename_sql(make_intermediate_relation(relation), relation.render()) }}
{%- endmacro -%}

{%- macro snowflake__get_rename_sql(relation, new_name) -%}
  {%- if relation.is_interactive_table -%}
    {{ snowflake__get_rename_interactive_table_sql(relation, new_name) }}
  {%- else -%}
    {{ default__get_rename_sql(relation, new_name) }}
  {%- endif -%}
{%- endmacro -%}

{#- Linked databases know no `cascade`. -#}
{%- macro snowflake__drop_table(relation) -%}
  drop table if exists {{ relation }}{{ '' if snowflake__is_catalog_linked_database(relation=relation) else ' cascade' }}
{%- endmacro -%}

{#- The first matching object of a schema, with what the database tells of it. -#}
{%- macro snowflake__show_object_metadata(relation) -%}
  {%- do return(run_query('show objects in ' ~ relation.include(identifier=False)
      ~ ' starts with ' ~ kpi_snowflake_text(relation.identifier) ~ ' limit 1')) -%}
{%- endmacro -%}

{%- macro snowflake__get_drop_sql(relation) -%}
  {%- if relation.is_dynamic_table -%}
    {{ snowflake__get_drop_dynamic_table_sql(relation) }}
  {%- elif relation.is_interactive_table -%}
    {{ snowflake__get_drop_interactive_table_sql(relation) }}
  {%- else -%}
    {{ default__get_drop_sql(relation) }}
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__truncate_relation(relation) -%}
  {%- call statement('truncate_relation') -%}
    {{ kpi_snowflake_transaction('truncate table ' ~ relation.render()) }}
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
