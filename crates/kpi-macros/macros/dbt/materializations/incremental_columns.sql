{#- Which columns an incremental run writes, and what happens when the query's columns and the table's part ways. -#}

{%- macro get_quoted_csv(column_names) -%}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}
    {%- do quoted.append(adapter.quote(name)) -%}
  {%- endfor -%}
  {%- do return(quoted | join(', ')) -%}
{%- endmacro -%}

{#- The columns of the first list whose name is not in the second; types play no part. -#}
{%- macro diff_columns(source_columns, target_columns) -%}
  {%- set known = target_columns | map(attribute='column') | list -%}
  {%- do return(source_columns | rejectattr('name', 'in', known) | list) -%}
{%- endmacro -%}

{%- macro diff_column_data_types(source_columns, target_columns) -%}
  {%- do return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) -%}
{%- endmacro -%}

{%- macro default__diff_column_data_types(source_columns, target_columns) -%}
  {%- set by_name = {} -%}
  {%- for column in target_columns -%}
    {%- do by_name.setdefault(column.name, column) -%}
  {%- endfor -%}
  {%- set changes = [] -%}
  {%- for column in source_columns if column.name in by_name -%}
    {%- set existing = by_name[column.name] -%}
    {#- A column that only grows (varchar(10) to varchar(20)) is widened in place and is no change of type. -#}
    {%- if column.expanded_data_type != existing.expanded_data_type and not column.can_expand_to(other_column=existing) -%}
      {%- do changes.append({'column_name': existing.name, 'new_type': column.expanded_data_type}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(changes) -%}
{%- endmacro -%}

{%- macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
  {%- do return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) -%}
{%- endmacro -%}

{%- macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
  {%- if merge_update_columns and merge_exclude_columns -%}
    {%- do exceptions.raise_compiler_error("Model cannot specify merge_update_columns and merge_exclude_columns together: keep only one of the two") -%}
  {%- elif merge_update_columns -%}
    {%- do return(merge_update_columns) -%}
  {%- endif -%}
  {%- set excluded = (merge_exclude_columns or []) | map('lower') | list -%}
  {%- set updated = [] -%}
  {%- for column in dest_columns if column.column | lower not in excluded -%}
    {%- do updated.append(column.quoted) -%}
  {%- endfor -%}
  {%- do return(updated) -%}
{%- endmacro -%}

{%- macro incremental_validate_on_schema_change(on_schema_change, default='ignore') -%}
  {%- if on_schema_change in ['ignore', 'fail', 'append_new_columns', 'sync_all_columns'] -%}
    {%- do return(on_schema_change) -%}
  {%- endif -%}
  {%- do log('Invalid value for on_schema_change (' ~ on_schema_change ~ ') specified. Setting default value of ' ~ default ~ '.') -%}
  {%- do return(default) -%}
{%- endmacro -%}

{%- macro check_for_schema_changes(source_relation, target_relation) -%}
  {%- do return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) -%}
{%- endmacro -%}

{%- macro default__check_for_schema_changes(source_relation, target_relation) -%}
  {%- set incoming = adapter.get_columns_in_relation(source_relation) -%}
  {%- set existing = adapter.get_columns_in_relation(target_relation) -%}
  {%- set added = diff_columns(incoming, existing) -%}
  {%- set removed = diff_columns(existing, incoming) -%}
  {%- set retyped = diff_column_data_types(incoming, existing) -%}
  {%- set changes = {
      'schema_changed': added != [] or removed != [] or retyped != [],
      'source_not_in_target': added,
      'target_not_in_source': removed,
      'source_columns': incoming,
      'target_columns': existing,
      'new_target_types': retyped,
  } -%}
  {%- do log('Schema of ' ~ target_relation ~ ' changed: ' ~ changes.schema_changed
      ~ '; new columns: ' ~ added ~ '; columns gone: ' ~ removed ~ '; new types: ' ~ retyped) -%}
  {%- do return(changes) -%}
{%- endmacro -%}

{%- macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
  {%- do return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) -%}
{%- endmacro -%}

{%- macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
  {%- set sync_all = on_schema_change == 'sync_all_columns' -%}
  {%- set to_add = schema_changes_dict['source_not_in_target'] if sync_all or on_schema_change == 'append_new_columns' else [] -%}
  {%- set to_remove = schema_changes_dict['target_not_in_source'] if sync_all else [] -%}
  {%- set to_retype = schema_changes_dict['new_target_types'] if sync_all else [] -%}
  {%- if to_add or to_remove -%}
    {%- do alter_relation_add_remove_columns(target_relation, to_add, to_remove if sync_all else none) -%}
  {%- endif -%}
  {%- for change in to_retype -%}
    {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
  {%- endfor -%}
  {%- do log('Schema of ' ~ target_relation ~ ' follows its query (' ~ on_schema_change
      ~ '): added ' ~ to_add ~ ', removed ' ~ to_remove ~ ', changed the type of ' ~ to_retype) -%}
{%- endmacro -%}

{%- macro process_schema_changes(on_schema_change, source_relation, target_relation) -%}
  {%- do return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) -%}
{%- endmacro -%}

{#- Returns the columns to write, or an empty mapping when the table's own columns are to be used. -#}
{%- macro default__process_schema_changes(on_schema_change, source_relation, target_relation) -%}
  {%- if on_schema_change == 'ignore' -%}
    {%- do return({}) -%}
  {%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if changes['schema_changed'] and on_schema_change == 'fail' -%}
    {%- do exceptions.raise_compiler_error(
        "The source and target schemas on this incremental model are out of sync!\n"
        ~ "They can be reconciled in several ways:\n"
        ~ "  - set the `on_schema_change` config to append_new_columns or sync_all_columns, and the table follows\n"
        ~ "  - rebuild the table once with --full-refresh\n"
        ~ "  - alter the table by hand\n"
        ~ "  Source columns not in target: " ~ changes['source_not_in_target'] ~ "\n"
        ~ "  Target columns not in source: " ~ changes['target_not_in_source'] ~ "\n"
        ~ "  New column types: " ~ changes['new_target_types']) -%}
  {%- elif changes['schema_changed'] -%}
    {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
  {%- endif -%}
  {%- do return(changes['source_columns']) -%}
{%- endmacro -%}
