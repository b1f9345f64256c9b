{#- Where a node goes: a catalog that it names has a say. The parser has these rules built in; they are here for projects
    whose own macros call them. -#}

{%- macro snowflake__generate_database_name(custom_database_name=none, node=none) -%}
  {%- set catalog_relation = adapter.build_catalog_relation(node) if node is not none and node | attr('database') -%}
  {%- set linked = catalog_relation.catalog_linked_database if catalog_relation -%}
  {%- if catalog_relation and catalog_relation.catalog_database -%}
    {%- do return(catalog_relation.catalog_database) -%}
  {%- elif custom_database_name is none and linked -%}
    {%- do return(linked) -%}
  {%- endif -%}
  {{ target.database if custom_database_name is none else custom_database_name }}
{%- endmacro -%}

{#- AWS Glue has lower case names. -#}
{%- macro snowflake__generate_schema_name(custom_schema_name, node) -%}
  {%- set schema = target.schema if custom_schema_name is none else target.schema ~ '_' ~ custom_schema_name.strip() -%}
  {%- set catalog_relation = adapter.build_catalog_relation(node) if node is not none and node | attr('database') -%}
  {{ schema | lower if catalog_relation and catalog_relation.catalog_linked_database_type == 'glue' else schema }}
{%- endmacro -%}
