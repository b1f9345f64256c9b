{#- `create or replace` puts the new table in the place of the old one in one step. -#}

{% materialization table, adapter='snowflake', supported_languages=['sql', 'python'] %}
  {%- set tag = set_query_tag() -%}
  {%- set old = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set new = this.incorporate(type='table', table_format=kpi_snowflake_catalog_relation().table_format) -%}

  {%- do run_hooks(pre_hooks) -%}
  {%- do kpi_snowflake_make_room(old, new) -%}
  {%- set kept_code = kpi_separate(compiled_code) -%}
  {%- do kpi_fill_quarantine() -%}
  {%- call statement('main', language=model['language']) -%}
    {{ create_table_as(False, new, kept_code, model['language']) }}
  {%- endcall -%}

  {%- do run_hooks(post_hooks) -%}
  {%- do kpi_grant_and_document(new, old) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{#- Where the model's table is kept, and what its create statement says of that. -#}
{%- macro kpi_snowflake_catalog_relation() -%}
  {%- do return(adapter.build_catalog_relation(model)) -%}
{%- endmacro -%}

{#- A linked database has neither transactions nor temporary tables. -#}
{%- macro snowflake__is_catalog_linked_database(relation=none, catalog_relation=none) -%}
  {%- if catalog_relation is none and relation and relation.config -%}
    {%- set catalog_relation = adapter.build_catalog_relation(relation) -%}
  {%- elif catalog_relation is none and relation and relation.catalog -%}
    {%- set catalog_relation = adapter.get_catalog_integration(relation.catalog) -%}
  {%- endif -%}
  {%- do return(catalog_relation is not none and catalog_relation.catalog_linked_database is defined
      and catalog_relation.catalog_linked_database not in [none, '']) -%}
{%- endmacro -%}

{#- What cannot be replaced by a table has to go first: another type, another format. -#}
{%- macro kpi_snowflake_make_room(old, new) -%}
  {%- if old is not none and new.needs_to_drop(old) -%}
    {%- do log('Dropping ' ~ old ~ ': it is a ' ~ old.type ~ (' in the Iceberg format' if old.is_iceberg_format else '')) -%}
    {%- do adapter.drop_relation(old) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- set catalog_relation = kpi_snowflake_catalog_relation() -%}
  {%- if language == 'python' -%}
    {%- if catalog_relation.catalog_type == 'BUILT_IN' -%}
      {%- do exceptions.raise_compiler_error('Iceberg is incompatible with Python models. Please use a SQL model for the iceberg format.') -%}
    {%- endif -%}
    {%- do return(py_write_table(compiled_code, relation, temporary)) -%}
  {%- elif language != 'sql' -%}
    {%- do exceptions.raise_compiler_error("Snowflake runs models in 'sql' and 'python', not in '" ~ language ~ "'") -%}
  {%- elif temporary -%}
    {{ snowflake__create_table_temporary_sql(relation, compiled_code) }}
  {%- elif catalog_relation.catalog_type == 'INFO_SCHEMA' -%}
    {{ snowflake__create_table_info_schema_sql(relation, compiled_code) }}
  {%- elif catalog_relation.catalog_type == 'BUILT_IN' -%}
    {{ snowflake__create_table_built_in_sql(relation, compiled_code) }}
  {%- elif catalog_relation.catalog_linked_database_type == 'glue' -%}
    {{ snowflake__create_table_iceberg_rest_with_glue(relation, compiled_code, catalog_relation) }}
  {%- else -%}
    {{ snowflake__create_table_iceberg_rest_sql(relation, compiled_code) }}
  {%- endif -%}
{%- endmacro -%}

{#- What a temporary table goes by in the session that made it. -#}
{%- macro snowflake__create_table_temporary_sql(relation, compiled_code) -%}
  {{ kpi_snowflake_scratch_table('temporary', relation, compiled_code) }}
{%- endmacro -%}

{#- Scratch that other sessions, and Snowflake's lineage, can see. -#}
{%- macro snowflake__create_table_transient_sql(relation, compiled_code) -%}
  {{ kpi_snowflake_scratch_table('transient', relation, compiled_code) }}
{%- endmacro -%}

{%- macro kpi_snowflake_scratch_table(kind, relation, compiled_code) -%}
  {%- set contract = config.get('contract') -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace {{ kind }} table {{ relation }}
  {{- kpi_snowflake_contract_columns(compiled_code) }}
  as (
    {{ get_select_subquery(compiled_code) if contract.enforced else compiled_code }}
  );
{%- endmacro -%}

{#- The columns that a contract promises, once the query is known to keep it. -#}
{%- macro kpi_snowflake_contract_columns(compiled_code) -%}
  {%- if config.get('contract').enforced %}
  {{ get_assert_columns_equivalent(compiled_code) }}
  {{ get_table_columns_and_constraints() }}
  {%- endif -%}
{%- endmacro -%}

{#- Clauses that tables of all formats have. -#}
{%- macro kpi_snowflake_copied() -%}
  {%- if config.get('copy_grants', false) %}
  copy grants
  {%- endif %}
  {%- if config.get('copy_tags', false) %}
  copy tags
  {%- endif %}
{%- endmacro -%}

{%- macro kpi_snowflake_guards() -%}
  {%- if config.get('row_access_policy') %}
  with row access policy {{ config.get('row_access_policy') }}
  {%- endif %}
  {%- if config.get('table_tag') %}
  with tag ({{ config.get('table_tag') }})
  {%- endif %}
{%- endmacro -%}

{#- The query, in the order of the clustering key. -#}
{%- macro kpi_snowflake_clustered_query(compiled_code, key) -%}
  {%- set query = get_select_subquery(compiled_code) if config.get('contract').enforced else compiled_code -%}
  {%- if key is not none %}
    select * from (
      {{ query }}
    ) order by ({{ key }})
  {%- else %}
    {{ query }}
  {%- endif -%}
{%- endmacro -%}

{%- macro kpi_snowflake_cluster(relation, catalog_relation) -%}
  {%- if catalog_relation.cluster_by is not none %}
  {%- set alter = 'alter ' ~ ('iceberg ' if catalog_relation.table_format == 'ICEBERG' else '') ~ 'table ' ~ relation %}
  {{ alter }} cluster by ({{ catalog_relation.cluster_by }});
  {%- if catalog_relation.automatic_clustering %}
  {{ alter }} resume recluster;
  {%- endif %}
  {%- endif %}
{%- endmacro -%}

{#- A table of the database's own. A transient one has no fail-safe and so costs less; `transient: false` keeps it. -#}
{%- macro snowflake__create_table_info_schema_sql(relation, compiled_code) -%}
  {%- set catalog_relation = kpi_snowflake_catalog_relation() -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace {{ 'transient ' if catalog_relation.is_transient }}table {{ relation }}
  {{- kpi_snowflake_contract_columns(compiled_code) }}
  {{- kpi_snowflake_copied() }}
  {{- kpi_snowflake_guards() }}
  {{- optional('change_tracking', catalog_relation.change_tracking) }}
  as (
    {{- kpi_snowflake_clustered_query(compiled_code, catalog_relation.cluster_by) }}
  );
  {{- kpi_snowflake_cluster(relation, catalog_relation) }}
{%- endmacro -%}

{#- A clause where there is something to say. -#}
{%- macro optional(name, value, quote_char = '', equals_char = '= ') -%}
  {%- if value is not none and value is defined %}
  {{ name }} {{ equals_char }}{{ quote_char }}{{ value }}{{ ')' if quote_char == '(' else quote_char }}
  {%- endif -%}
{%- endmacro -%}

{%- macro kpi_snowflake_partitions(catalog_relation, lower=false) -%}
  {%- set keys = get_partition_by_keys(catalog_relation) -%}
  {%- if keys %}
  {%- set names = [] -%}
  {%- for key in keys -%}
    {%- do names.append(adapter.quote(key | lower) if lower else key) -%}
  {%- endfor %}
  partition by ({{ names | join(', ') }})
  {%- endif -%}
{%- endmacro -%}

{%- macro get_partition_by_keys(catalog_relation) -%}
  {%- set keys = catalog_relation.partition_by -%}
  {%- do return([keys] if keys is string and keys else keys) -%}
{%- endmacro -%}

{#- An Iceberg table that Snowflake manages. -#}
{%- macro snowflake__create_table_built_in_sql(relation, compiled_code) -%}
  {%- set catalog_relation = kpi_snowflake_catalog_relation() -%}
  {%- if config.get('transient') and config.get('table_format') -%}
    {%- do exceptions.warn('Iceberg format relations cannot be transient: `transient` is ignored for ' ~ relation) -%}
  {%- endif -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace iceberg table {{ relation }}
  {{- kpi_snowflake_contract_columns(compiled_code) }}
  {{- kpi_snowflake_partitions(catalog_relation) }}
  {{- optional('external_volume', catalog_relation.external_volume, "'") }}
  catalog = 'SNOWFLAKE'
  base_location = {{ kpi_snowflake_text(catalog_relation.base_location) }}
  {{- optional('iceberg_version', catalog_relation.iceberg_version) }}
  {{- optional('storage_serialization_policy', catalog_relation.storage_serialization_policy, "'") }}
  {{- optional('max_data_extension_time_in_days', catalog_relation.max_data_extension_time_in_days) }}
  {{- optional('data_retention_time_in_days', catalog_relation.data_retention_time_in_days) }}
  {{- optional('change_tracking', catalog_relation.change_tracking) }}
  {{- kpi_snowflake_guards() }}
  {{- kpi_snowflake_copied() }}
  as (
    {{- kpi_snowflake_clustered_query(compiled_code, catalog_relation.cluster_by) }}
  );
  {{- kpi_snowflake_cluster(relation, catalog_relation) }}
{%- endmacro -%}

{#- A table of a catalog outside. It can neither be replaced nor renamed: an old one is dropped first. -#}
{%- macro kpi_snowflake_rest_options(catalog_relation, lower=false) -%}
  {{- kpi_snowflake_partitions(catalog_relation, lower) }}
  {{- optional('external_volume', catalog_relation.external_volume, "'") }}
  {{- optional('iceberg_version', catalog_relation.iceberg_version) }}
  {{- optional('target_file_size', catalog_relation.target_file_size, "'") }}
  {{- optional('auto_refresh', catalog_relation.auto_refresh) }}
  {{- optional('max_data_extension_time_in_days', catalog_relation.max_data_extension_time_in_days) }}
  {{- kpi_snowflake_guards() }}
  {%- if config.get('copy_grants', false) %}
  copy grants
  {%- endif %}
{%- endmacro -%}

{%- macro kpi_snowflake_drop_existing(relation) -%}
  {%- set old = adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier) -%}
  {%- if old %}
  drop table if exists {{ old }};
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__create_table_iceberg_rest_sql(relation, compiled_code) -%}
  {%- set catalog_relation = kpi_snowflake_catalog_relation() -%}
  {{ config.get('sql_header', none) or '' }}
  {{- kpi_snowflake_drop_existing(relation) }}
  create iceberg table {{ relation }}
  {{- kpi_snowflake_contract_columns(compiled_code) }}
  {{- kpi_snowflake_rest_options(catalog_relation) }}
  as (
    {{ get_select_subquery(compiled_code) if config.get('contract').enforced else compiled_code }}
  );
{%- endmacro -%}

{#- AWS Glue takes no `create table as`: the columns come from the query, in lower case. -#}
{%- macro snowflake__create_table_iceberg_rest_with_glue(relation, compiled_code, catalog_relation) -%}
  {%- set columns = [] -%}
  {%- for column in get_column_schema_from_query(compiled_code) -%}
    {%- set type = 'INT' if column.dtype in ['FIXED', 'NUMBER'] and not column.numeric_scale
        else 'STRING' if column.is_string() else column.data_type -%}
    {%- do columns.append(adapter.quote(column.name | lower) ~ ' ' ~ type) -%}
  {%- endfor -%}
  {{ config.get('sql_header', none) or '' }}
  {{- kpi_snowflake_drop_existing(relation) }}
  create iceberg table {{ relation }} ({{ columns | join(', ') }})
  {{- kpi_snowflake_rest_options(catalog_relation, lower=true) }};
  insert into {{ relation }}
  {{ compiled_code }};
{%- endmacro -%}

{%- macro snowflake__get_replace_table_sql(relation, sql) -%}
  {{ snowflake__create_table_as(False, relation, sql) }}
{%- endmacro -%}
