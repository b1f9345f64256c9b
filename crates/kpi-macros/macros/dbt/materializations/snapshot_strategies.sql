{#- How a snapshot tells that a row has changed. A strategy is a macro snapshot_<name>_strategy that returns
    the expressions the staging query is made of. -#}

{#- Finds the strategy's macro; 'package.name' looks in that package only. -#}
{%- macro strategy_dispatch(name) -%}
  {%- set parts = name.split('.', 1) -%}
  {%- set scope = context -%}
  {%- if parts | length == 2 -%}
    {%- if parts[0] not in context -%}
      {%- do exceptions.raise_compiler_error("Could not find package '" ~ parts[0] ~ "', called with '" ~ name ~ "'") -%}
    {%- endif -%}
    {%- set scope = context[parts[0]] -%}
  {%- endif -%}
  {%- set macro_name = 'snapshot_' ~ parts[-1] ~ '_strategy' -%}
  {%- if macro_name not in scope -%}
    {%- do exceptions.raise_compiler_error("The specified strategy macro '" ~ parts[-1] ~ "' was not found in package '"
        ~ (parts[0] if parts | length == 2 else none) ~ "'") -%}
  {%- endif -%}
  {%- do return(scope[macro_name]) -%}
{%- endmacro -%}

{%- macro snapshot_hash_arguments(args) -%}
  {%- do return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) -%}
{%- endmacro -%}

{#- Stored in every snapshot's scd_id: not one character of the hashed text may ever change. -#}
{%- macro default__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}
    {%- do texts.append('coalesce(cast(' ~ arg ~ " as varchar), '')") -%}
  {%- endfor -%}
  md5({{ texts | join(" || '|' || ") }})
{%- endmacro -%}

{#- Changed is what has a later `updated_at` than the version on record began. The record's own column is
    compared, as an older history may come from another strategy and lack `updated_at`. -#}
{%- macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
  {%- set updated_at = config.get('updated_at') -%}
  {%- set changed = '(' ~ snapshotted_rel ~ '.' ~ kpi_snapshot_columns().dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')' -%}
  {%- do return(kpi_snapshot_strategy(updated_at, changed)) -%}
{%- endmacro -%}

{#- Changed is what differs in one of the checked columns; a null is a value of its own. -#}
{%- macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
  {%- set updated_at = config.get('updated_at') or snapshot_get_time() -%}
  {%- set column_added, columns = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set differences = [] -%}
  {%- for column in columns or [] -%}
    {%- set was = snapshotted_rel ~ '.' ~ column -%}
    {%- set is = current_rel ~ '.' ~ column -%}
    {%- do differences.append(was ~ ' != ' ~ is
        ~ ' or (' ~ was ~ ' is null and ' ~ is ~ ' is not null)'
        ~ ' or (' ~ was ~ ' is not null and ' ~ is ~ ' is null)') -%}
  {%- endfor -%}
  {%- set changed = '(' ~ (get_true_sql() if column_added else differences | join(' or ')) ~ ')' -%}
  {%- do return(kpi_snapshot_strategy(updated_at, changed)) -%}
{%- endmacro -%}

{%- macro kpi_snapshot_strategy(updated_at, row_changed) -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set hard_deletes = adapter.get_hard_deletes_behavior(config) -%}
  {%- do return({
      'unique_key': unique_key,
      'updated_at': updated_at,
      'row_changed': row_changed,
      'scd_id': snapshot_hash_arguments(api.Relation.scd_args(unique_key, updated_at)),
      'invalidate_hard_deletes': hard_deletes == 'invalidate',
      'hard_deletes': hard_deletes,
  }) -%}
{%- endmacro -%}

{#- Returns (is there a checked column that the history lacks, the checked columns that it has). -#}
{%- macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
  {%- if not target_exists -%}
    {#- Nothing to compare with yet. -#}
    {%- do return((false, none)) -%}
  {%- endif -%}
  {%- if check_cols_config == 'all' -%}
    {%- set checked = get_columns_in_query(node['compiled_code']) -%}
  {%- elif check_cols_config is iterable and check_cols_config | length > 0 -%}
    {#- Asked of the database, to have the names as it spells them. The query keeps lines of its own: it
        may end in a comment. -#}
    {%- set checked = get_columns_in_query(
        'select ' ~ check_cols_config | join(', ') ~ ' from (\n' ~ node['compiled_code'] ~ '\n) subq') -%}
  {%- else -%}
    {%- do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols_config) -%}
  {%- endif -%}
  {%- set target_relation = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- set present = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list -%}
  {%- set common = [] -%}
  {%- for name in checked if name in present -%}
    {%- do common.append(adapter.quote(name)) -%}
  {%- endfor -%}
  {%- do return((common | length < checked | length, common)) -%}
{%- endmacro -%}

{%- macro snapshot_string_as_time(timestamp) -%}
  {%- do return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) -%}
{%- endmacro -%}

{%- macro default__snapshot_string_as_time(timestamp) -%}
  {%- do exceptions.raise_not_implemented('snapshot_string_as_time macro not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro -%}
