{#- SQL that puts one relation in the place of another, whatever their types. -#}

{%- macro get_replace_sql(existing_relation, target_relation, sql) -%}
  {%- do log('Applying REPLACE to: ' ~ existing_relation) -%}
  {%- do return(adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql)) -%}
{%- endmacro -%}

{#- `create or replace` where both sides allow it. Else the fewer renames an adapter can do, the less of
    the old relation can be kept until the new one stands. -#}
{%- macro default__get_replace_sql(existing_relation, target_relation, sql) -%}
  {%- set in_place = existing_relation.type == target_relation.type and existing_relation.can_be_replaced -%}
  {%- set stage = target_relation.can_be_renamed -%}
  {%- set keep = existing_relation.can_be_renamed -%}
  {%- if in_place and existing_relation.is_view -%}
    {{ get_replace_view_sql(target_relation, sql) }}
  {%- elif in_place and existing_relation.is_table -%}
    {{ get_replace_table_sql(target_relation, sql) }}
  {%- elif in_place and existing_relation.is_materialized_view -%}
    {{ get_replace_materialized_view_sql(target_relation, sql) }}
  {%- elif stage -%}
    {{ get_create_intermediate_sql(target_relation, sql) }};
    {{ get_create_backup_sql(existing_relation) if keep else get_drop_sql(existing_relation) }};
    {{ get_rename_intermediate_sql(target_relation) }}
    {%- if keep -%}
    ;
    {{ get_drop_backup_sql(existing_relation) }}
    {%- endif -%}
  {%- elif keep -%}
    {{ get_create_backup_sql(existing_relation) }};
    {{ get_create_sql(target_relation, sql) }};
    {{ get_drop_backup_sql(existing_relation) }}
  {%- else -%}
    {{ get_drop_sql(existing_relation) }};
    {{ get_create_sql(target_relation, sql) }}
  {%- endif -%}
{%- endmacro -%}

{%- macro get_replace_table_sql(relation, sql) -%}
  {%- do return(adapter.dispatch('get_replace_table_sql', 'dbt')(relation, sql)) -%}
{%- endmacro -%}

{%- macro default__get_replace_table_sql(relation, sql) -%}
  {%- do exceptions.raise_compiler_error('`get_replace_table_sql` has not been implemented for this adapter.') -%}
{%- endmacro -%}

{%- macro get_replace_view_sql(relation, sql) -%}
  {%- do return(adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql)) -%}
{%- endmacro -%}

{%- macro default__get_replace_view_sql(relation, sql) -%}
  {%- do exceptions.raise_compiler_error('`get_replace_view_sql` has not been implemented for this adapter.') -%}
{%- endmacro -%}

{%- macro get_replace_materialized_view_sql(relation, sql) -%}
  {%- do return(adapter.dispatch('get_replace_materialized_view_sql', 'dbt')(relation, sql)) -%}
{%- endmacro -%}

{%- macro default__get_replace_materialized_view_sql(relation, sql) -%}
  {%- do exceptions.raise_compiler_error('`get_replace_materialized_view_sql` has not been implemented for this adapter.') -%}
{%- endmacro -%}

{#- A whole view materialization for databases where `create or replace view` is atomic. -#}
{%- macro create_or_replace_view() -%}
  {%- set identifier = model['alias'] -%}
  {%- set old = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
  {%- set new = api.Relation.create(database=database, schema=schema, identifier=identifier, type='view') -%}
  {%- do run_hooks(pre_hooks) -%}
  {%- if old is not none and old.is_table -%}
    {%- do handle_existing_table(should_full_refresh(), old) -%}
  {%- endif -%}
  {%- call statement('main') -%} {{ get_create_view_as_sql(new, sql) }} {%- endcall -%}
  {%- set was_view = old is not none and old.is_view -%}
  {%- do apply_grants(new, config.get('grants'), should_revoke=should_revoke(was_view, full_refresh_mode=True)) -%}
  {%- do run_hooks(post_hooks) -%}
  {%- do return({'relations': [new]}) -%}
{%- endmacro -%}

{%- macro handle_existing_table(full_refresh, old_relation) -%}
  {%- do return(adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation)) -%}
{%- endmacro -%}

{%- macro default__handle_existing_table(full_refresh, old_relation) -%}
  {%- do log('Dropping relation ' ~ old_relation.render() ~ ' because it is of type ' ~ old_relation.type) -%}
  {%- do adapter.drop_relation(old_relation) -%}
{%- endmacro -%}
