{#- How new rows meet the old ones in DuckDB. Without a strategy in the config it is delete+insert. -#}

{%- macro duckdb__get_incremental_default_sql(arg_dict) -%}
  {%- do return(get_incremental_delete_insert_sql(arg_dict)) -%}
{%- endmacro -%}

{%- macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set predicates = normalize_incremental_predicates(incremental_predicates) -%}
  {%- if not unique_key -%}
  {#- No key: nothing is replaced. -#}
  {%- elif unique_key is sequence and unique_key is not string %}
    {%- set matches = [] -%}
    {%- for key in unique_key -%}
      {%- do matches.append(source ~ '.' ~ key ~ ' = DBT_INCREMENTAL_TARGET.' ~ key) -%}
    {%- endfor %}
    delete from {{ target }} as DBT_INCREMENTAL_TARGET
    using {{ source }}
    where {{ (matches + predicates) | join(' and ') }};
  {%- else %}
    {%- set key_rows = '(' ~ unique_key ~ ') in (select (' ~ unique_key ~ ') from ' ~ source ~ ')' %}
    delete from {{ target }}
    where {{ ([key_rows] + predicates) | join(' and ') }};
  {%- endif %}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro -%}

{#- A microbatch replaces what lies in its window of event time. -#}
{%- macro duckdb__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set event_time = config.get('event_time') -%}
  {%- if not event_time -%}
    {%- do exceptions.raise_compiler_error("microbatch incremental strategy requires an 'event_time' model config") -%}
  {%- elif config.get('unique_key') -%}
    {%- do exceptions.raise_compiler_error(
        "microbatch incremental strategy does not support 'unique_key': each batch replaces all rows of its window of 'event_time'. "
        ~ "Remove 'unique_key', or use incremental_strategy='merge' to update by key.") -%}
  {%- endif -%}
  {%- set batch = model.get('batch') or {} -%}
  {%- set first = batch.get('event_time_start') -%}
  {%- set end = batch.get('event_time_end') -%}
  {%- if not first or not end -%}
    {%- do exceptions.raise_compiler_error("microbatch incremental strategy requires 'batch.event_time_start' and 'batch.event_time_end' to be set in the context") -%}
  {%- endif -%}
  {%- set window = event_time ~ " >= '" ~ first ~ "' and " ~ event_time ~ " < '" ~ end ~ "'" -%}
  {%- set names = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
  delete from {{ arg_dict['target_relation'] }}
  where {{ window }}
  {%- for predicate in normalize_incremental_predicates(arg_dict.get('incremental_predicates')) %}
    and ({{ predicate }})
  {%- endfor %};

  insert into {{ arg_dict['target_relation'] }} ({{ names }})
  select {{ names }}
  from {{ arg_dict['temp_relation'] }}
  where {{ window }};
{%- endmacro -%}
