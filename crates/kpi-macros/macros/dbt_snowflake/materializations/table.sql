{#- `create or replace` puts the new table in the place of the old one in one step. -#}

{% materialization table, adapter='snowflake', supported_languages=['sql', 'python'] %}
  {%- set tag = set_query_tag() -%}
  {%- set old = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set new = this.incorporate(type='table') -%}

  {%- do run_hooks(pre_hooks) -%}
  {%- set stale = kpi_snowflake_of_another_type(old, ['table']) -%}
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

{#- A relation of another type cannot be replaced: it has to go first. -#}
{%- macro kpi_snowflake_of_another_type(old, types) -%}
  {%- if old is not none and old.type not in types -%}
    {%- do log('Dropping ' ~ old ~ ': it is a ' ~ old.type) -%}
    {%- do adapter.drop_relation(old) -%}
  {%- endif -%}
{%- endmacro -%}

{#- A transient table has no fail-safe and so costs less; `transient: false` keeps it. -#}
{%- macro kpi_snowflake_table_kind(temporary) -%}
  {%- if temporary -%}
    {%- do return('temporary ') -%}
  {%- elif config.get('table_format') == 'iceberg' -%}
    {%- do return('iceberg ') -%}
  {%- else -%}
    {%- do return('transient ' if config.get('transient', true) else '') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro kpi_snowflake_cluster_key() -%}
  {%- set key = config.get('cluster_by') -%}
  {%- do return(none if not key else (key if key is string else key | join(', '))) -%}
{%- endmacro -%}

{%- macro snowflake__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- if language == 'python' -%}
    {%- do return(py_write_table(compiled_code=compiled_code, target_relation=relation, table_type='temporary' if temporary else 'transient' if config.get('transient', true) else '')) -%}
  {%- elif language != 'sql' -%}
    {%- do exceptions.raise_compiler_error("Snowflake runs models in 'sql' and 'python', not in '" ~ language ~ "'") -%}
  {%- endif -%}
  {%- set contract = config.get('contract') -%}
  {%- set checked = contract.enforced and not temporary -%}
  {%- set key = none if temporary else kpi_snowflake_cluster_key() -%}
  {%- set iceberg = config.get('table_format') == 'iceberg' and not temporary -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace {{ kpi_snowflake_table_kind(temporary) }}table {{ relation }}
  {%- if checked %}
  {{ get_assert_columns_equivalent(compiled_code) }}
  {{ get_table_columns_and_constraints() }}
  {%- endif %}
  {%- if iceberg %}
  {{ kpi_snowflake_iceberg_options(relation) }}
  {%- endif %}
  {%- if not temporary and config.get('copy_grants', false) %}
  copy grants
  {%- endif %}
  {%- if not temporary and config.get('copy_tags', false) %}
  copy tags
  {%- endif %}
  {%- if not temporary and config.get('row_access_policy') %}
  with row access policy {{ config.get('row_access_policy') }}
  {%- endif %}
  {%- if not temporary and config.get('table_tag') %}
  with tag ({{ config.get('table_tag') }})
  {%- endif %}
  {%- if not temporary and config.get('change_tracking') is not none %}
  change_tracking = {{ config.get('change_tracking') }}
  {%- endif %}
  as (
    {%- set query = get_select_subquery(compiled_code) if checked else compiled_code -%}
    {%- if key %}
    select * from (
      {{ query }}
    ) order by ({{ key }})
    {%- else %}
    {{ query }}
    {%- endif %}
  );
  {%- if key %}
  alter {{ 'iceberg ' if iceberg }}table {{ relation }} cluster by ({{ key }});
  {%- if config.get('automatic_clustering', false) %}
  alter {{ 'iceberg ' if iceberg }}table {{ relation }} resume recluster;
  {%- endif %}
  {%- endif %}
{%- endmacro -%}

{%- macro kpi_snowflake_iceberg_options(relation) -%}
  {%- set folder = config.get('base_location_root') or '_dbt' -%}
  {%- set subpath = config.get('base_location_subpath') -%}
  {%- set place = [folder, relation.schema, relation.identifier] + ([subpath] if subpath else []) %}
  {%- set partitions = config.get('partition_by') %}
  {%- if partitions %}
  partition by ({{ partitions if partitions is string else partitions | join(', ') }})
  {%- endif %}
  {%- if config.get('external_volume') %}
  external_volume = {{ kpi_snowflake_text(config.get('external_volume')) }}
  {%- endif %}
  catalog = 'snowflake'
  base_location = {{ kpi_snowflake_text(place | join('/')) }}
  {%- for option in ['iceberg_version', 'max_data_extension_time_in_days', 'data_retention_time_in_days'] if config.get(option) is not none %}
  {{ option }} = {{ config.get(option) }}
  {%- endfor %}
  {%- if config.get('storage_serialization_policy') %}
  storage_serialization_policy = {{ kpi_snowflake_text(config.get('storage_serialization_policy')) }}
  {%- endif %}
{%- endmacro -%}

{%- macro snowflake__get_replace_table_sql(relation, sql) -%}
  {{ snowflake__create_table_as(False, relation, sql) }}
{%- endmacro -%}
