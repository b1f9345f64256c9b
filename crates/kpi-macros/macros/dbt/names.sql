{#- Where a node goes and what it is called there. Projects override these to follow their own rules. -#}

{%- macro generate_schema_name(custom_schema_name=none, node=none) -%}
  {%- do return(adapter.dispatch('generate_schema_name', 'dbt')(custom_schema_name, node)) -%}
{%- endmacro -%}

{#- A custom schema hangs on the target's, so that two people's runs never meet. -#}
{%- macro default__generate_schema_name(custom_schema_name, node) -%}
  {{ target.schema }}
  {%- if custom_schema_name is not none -%} _{{ custom_schema_name | trim }} {%- endif -%}
{%- endmacro -%}

{#- The other common rule: custom schemas in production, one schema for everything elsewhere. -#}
{%- macro generate_schema_name_for_env(custom_schema_name, node) -%}
  {{ custom_schema_name | trim if target.name == 'prod' and custom_schema_name is not none else target.schema }}
{%- endmacro -%}

{%- macro generate_alias_name(custom_alias_name=none, node=none) -%}
  {%- do return(adapter.dispatch('generate_alias_name', 'dbt')(custom_alias_name, node)) -%}
{%- endmacro -%}

{%- macro default__generate_alias_name(custom_alias_name=none, node=none) -%}
  {%- if custom_alias_name -%}
    {{ custom_alias_name | trim }}
  {%- elif node.version -%}
    {%- do return(node.name ~ '_v' ~ (node.version | replace('.', '_'))) -%}
  {%- else -%}
    {{ node.name }}
  {%- endif -%}
{%- endmacro -%}

{#- The name under which the latest version of a versioned model can be read without its number. -#}
{%- macro generate_latest_version_pointer_alias(custom_alias_name=none, node=none) -%}
  {%- do return(adapter.dispatch('generate_latest_version_pointer_alias', 'dbt')(custom_alias_name, node)) -%}
{%- endmacro -%}

{%- macro default__generate_latest_version_pointer_alias(custom_alias_name=none, node=none) -%}
  {{ custom_alias_name | trim if custom_alias_name else node.name }}
{%- endmacro -%}

{%- macro generate_database_name(custom_database_name=none, node=none) -%}
  {%- do return(adapter.dispatch('generate_database_name', 'dbt')(custom_database_name, node)) -%}
{%- endmacro -%}

{%- macro default__generate_database_name(custom_database_name=none, node=none) -%}
  {#- A node that is written to an external catalog lives in that catalog's database. -#}
  {%- set catalog = adapter.build_catalog_relation(node) if node is not none and node | attr('database') -%}
  {%- if catalog and catalog | attr('catalog_database') -%}
    {%- do return(catalog.catalog_database) -%}
  {%- endif -%}
  {{ target.database if custom_database_name is none else custom_database_name }}
{%- endmacro -%}
