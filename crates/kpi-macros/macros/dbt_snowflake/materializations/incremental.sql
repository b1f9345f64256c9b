{#- Adds to a table what is new. The increment is a view where one statement reads it, and a table where two do: both
    must see the same rows. -#}

{% materialization incremental, adapter='snowflake', supported_languages=['sql', 'python'] %}
  {%- set tag = set_query_tag() -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set catalog_relation = kpi_snowflake_catalog_relation() -%}
  {%- set linked = snowflake__is_catalog_linked_database(catalog_relation=catalog_relation) -%}
  {%- set new = this.incorporate(type='table', table_format=catalog_relation.table_format) -%}
  {%- set rebuild = should_full_refresh() -%}
  {%- set language = model['language'] -%}
  {%- set strategy = config.get('incremental_strategy') or 'default' -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set kind = dbt_snowflake_get_tmp_relation_type(strategy, unique_key, language) -%}
  {%- set increment = resolve_incremental_tmp_relation(
      make_temp_relation(this).incorporate(
          type='view' if kind == 'view' else 'table', catalog=catalog_relation.catalog_name if linked else none)) -%}
  {%- set schema_policy = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {#- Looked up even when it is not needed this time, so that a misspelt strategy fails on the first run. -#}
  {%- set strategy_sql = adapter.get_incremental_strategy_macro(context, strategy) -%}

  {%- do run_hooks(pre_hooks) -%}

  {%- set kept_code = kpi_separate(compiled_code) -%}
  {%- do kpi_fill_quarantine(adds=not (old is none or rebuild or old.is_view)) -%}
  {%- if old is none or rebuild or old.is_view -%}
    {%- do kpi_snowflake_make_room(old, new) -%}
    {%- call statement('main', language=language) -%}
      {{ create_table_as(False, new, kept_code, language) }}
    {%- endcall -%}
  {%- elif new.table_format != old.table_format -%}
    {%- do exceptions.raise_compiler_error('Unable to update the incremental model `' ~ new.identifier ~ '` from `' ~ old.table_format
        ~ '` to `' ~ new.table_format ~ '` due to Snowflake limitation. Please execute with --full-refresh to drop the table and recreate in the new catalog.') -%}
  {%- else -%}
    {%- call statement('create_tmp_relation', language=language) -%}
      {%- if linked -%}
        {{ create_table_as(False, increment, kept_code, language) }}
      {%- elif kind == 'view' -%}
        {{ snowflake__create_view_as_with_temp_flag(increment, kept_code, True) }}
      {%- elif kind == 'transient' -%}
        {{ snowflake__create_table_transient_sql(increment, kept_code) }}
      {%- else -%}
        {{ create_table_as(True, increment, kept_code, language) }}
      {%- endif -%}
    {%- endcall -%}
    {%- do adapter.expand_target_column_types(from_relation=increment, to_relation=new) -%}
    {%- set columns = process_schema_changes(schema_policy, increment, old)
        or adapter.get_columns_in_relation(old) -%}
    {%- call statement('main') -%}
      {{ strategy_sql({
          'target_relation': new,
          'temp_relation': increment,
          'unique_key': unique_key,
          'dest_columns': columns,
          'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none),
          'catalog_relation': catalog_relation,
      }) }}
    {%- endcall -%}
    {%- do drop_relation_if_exists(increment) -%}
  {%- endif -%}

  {%- do run_hooks(post_hooks) -%}
  {%- do kpi_grant_and_document(new, old if old is not none and old.is_table else none, rebuild) -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{#- `view`, `table` or `transient`. -#}
{%- macro dbt_snowflake_get_tmp_relation_type(strategy, unique_key, language) -%}
  {%- set asked = config.get('tmp_relation_type') -%}
  {%- set twice = strategy in ['delete+insert', 'microbatch'] and unique_key is not none -%}
  {%- if language == 'python' and asked not in [none, 'table'] -%}
    {%- do exceptions.raise_compiler_error("Python models currently only support 'table' for tmp_relation_type but " ~ asked ~ ' was specified.') -%}
  {%- elif twice and language == 'sql' and asked not in [none, 'table', 'transient'] -%}
    {%- do exceptions.raise_compiler_error(
        'The `' ~ strategy ~ '` strategy with a `unique_key` reads the new rows twice, so `tmp_relation_type` must be `table` or `transient`, not ' ~ asked ~ '.') -%}
  {%- elif language != 'sql' or snowflake__is_catalog_linked_database(relation=config.model) -%}
    {%- do return('table') -%}
  {%- elif asked in ['table', 'view', 'transient'] -%}
    {%- do return(asked) -%}
  {%- endif -%}
  {%- do return('view' if strategy in ['default', 'merge', 'append', 'insert_overwrite']
      or (strategy in ['delete+insert', 'microbatch'] and not twice) else 'table') -%}
{%- endmacro -%}

{#- A project overrides this to keep increments in a schema of their own. -#}
{%- macro resolve_incremental_tmp_relation(tmp_relation) -%}
  {%- do return(adapter.dispatch('resolve_incremental_tmp_relation', 'dbt')(tmp_relation)) -%}
{%- endmacro -%}

{%- macro snowflake__resolve_incremental_tmp_relation(tmp_relation) -%}
  {%- do return(tmp_relation) -%}
{%- endmacro -%}

{%- macro snowflake__get_incremental_default_sql(arg_dict) -%}
  {%- do return(get_incremental_merge_sql(arg_dict)) -%}
{%- endmacro -%}

{%- macro snowflake__get_incremental_append_sql(arg_dict) -%}
  {%- do return(kpi_snowflake_transaction(default__get_incremental_append_sql(arg_dict))) -%}
{%- endmacro -%}

{#- Without a key nothing ever matches, and Snowflake refuses a merge on a constant. -#}
{%- macro snowflake__get_merge_sql(target, source_sql, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {%- set dml = default__get_merge_sql(target, source_sql, unique_key, dest_columns, incremental_predicates) -%}
  {%- else -%}
    {%- set dml = (config.get('sql_header', none) or '') ~ get_insert_into_sql(target, source_sql, dest_columns) -%}
  {%- endif -%}
  {%- do return(kpi_snowflake_transaction(dml)) -%}
{%- endmacro -%}

{%- macro snowflake__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- do return(kpi_snowflake_transaction(
      default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates))) -%}
{%- endmacro -%}

{#- Snowflake overwrites the whole table, not a part of it. -#}
{%- macro get_incremental_insert_overwrite_sql(arg_dict) -%}
  {%- do return(adapter.dispatch('insert_overwrite_get_sql', 'dbt')(
      arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'])) -%}
{%- endmacro -%}

{%- macro snowflake__insert_overwrite_get_sql(target, source, unique_key, dest_columns) -%}
  {%- set columns = config.get('overwrite_columns', []) -%}
  {%- set names = columns | join(', ') -%}
  {%- do return(kpi_snowflake_transaction(
      (config.get('sql_header', none) or '')
      ~ 'insert overwrite into ' ~ target ~ (' (' ~ names ~ ')' if names else '')
      ~ ' select ' ~ (names or '*') ~ ' from ' ~ source)) -%}
{%- endmacro -%}

{#- The batch's span of time is emptied and filled again. -#}
{%- macro snowflake__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set conditions = (arg_dict.get('incremental_predicates') or []) | list -%}
  {%- set column = 'DBT_INTERNAL_TARGET.' ~ model.config.event_time -%}
  {%- if model.batch and model.batch.event_time_start -%}
    {%- do conditions.append(column ~ " >= to_timestamp_tz('" ~ model.batch.event_time_start ~ "')") -%}
  {%- endif -%}
  {%- if model.batch and model.batch.event_time_end -%}
    {%- do conditions.append(column ~ " < to_timestamp_tz('" ~ model.batch.event_time_end ~ "')") -%}
  {%- endif -%}
  {%- set dml -%}
    delete from {{ arg_dict.target_relation }} DBT_INTERNAL_TARGET
    where ({{ conditions | join(') and (') }});
    {{ get_insert_into_sql(arg_dict.target_relation, arg_dict.temp_relation, arg_dict.dest_columns) }}
  {%- endset -%}
  {%- do return(kpi_snowflake_transaction(dml)) -%}
{%- endmacro -%}
