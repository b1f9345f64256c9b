{#- The merge strategy in DuckDB. Its clauses are spelled out in `merge_clauses`, or follow from the simple
    configs (merge_update_columns, merge_exclude_columns, merge_update_condition, ...). -#}

{%- macro duckdb__get_incremental_merge_sql(args_dict) -%}
  {%- do return(duckdb__get_merge_sql(
      args_dict['target_relation'], args_dict['temp_relation'], args_dict['unique_key'], args_dict['dest_columns'],
      normalize_incremental_predicates(args_dict.get('incremental_predicates')))) -%}
{%- endmacro -%}

{%- macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set predicates = normalize_incremental_predicates(incremental_predicates) -%}
  {%- do validate_merge_config(config, target) -%}
  {%- set update_columns = config.get('merge_update_columns', []) -%}
  {%- set exclude_columns = config.get('merge_exclude_columns', []) -%}
  {%- set expressions = config.get('merge_update_set_expressions', {}) -%}
  {%- set returning = config.get('merge_returning_columns', []) -%}
  {%- set defaults = merge_clause_defaults(
      config.get('merge_update_condition', none), config.get('merge_insert_condition', none),
      update_columns, exclude_columns, expressions) -%}
  {%- set picks_columns = update_columns | length + exclude_columns | length + expressions | length > 0 -%}
  {%- set clauses = config.get('merge_clauses', {}) -%}
  {%- set matched = clauses.get('when_matched',
      [defaults.when_matched_update_explicit if picks_columns else defaults.when_matched_update_by_name]) -%}
  {%- set not_matched = clauses.get('when_not_matched', [defaults.when_not_matched_insert_by_name]) %}

  {{ config.get('sql_header', none) or '' }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  {{ duckdb__merge_join_clause(unique_key, config.get('merge_on_using_columns', []), predicates) }}
  {%- for clause in matched %}
  when matched {{ kpi_merge_condition(clause) }} then {{ kpi_merge_action(clause, dest_columns, true) }}
  {%- endfor -%}
  {%- for clause in not_matched %}
  when not matched {{ 'by ' ~ clause.get('by') if clause.get('by') }} {{ kpi_merge_condition(clause) }} then {{ kpi_merge_action(clause, dest_columns, false) }}
  {%- endfor -%}
  {%- if returning %}
  returning {{ returning if returning is string else returning | join(', ') }}
  {%- endif %}
{%- endmacro -%}

{#- DuckDB takes USING or ON: with predicates besides, the shared columns are spelled out. -#}
{%- macro duckdb__merge_join_clause(unique_key, merge_on_using_columns, incremental_predicates) -%}
  {%- set predicates = (incremental_predicates or []) | list -%}
  {%- if merge_on_using_columns and not predicates -%}
    {%- do return('using (' ~ merge_on_using_columns | join(', ') ~ ')') -%}
  {%- endif -%}
  {%- set keys = merge_on_using_columns or ([unique_key] if unique_key is string else unique_key) or [] -%}
  {%- set matches = [] -%}
  {%- for key in keys -%}
    {%- do matches.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
  {%- endfor -%}
  {#- Without a key nothing ever matches: every row is inserted. -#}
  on ({{ ((matches or ['FALSE']) + predicates) | join(') and (') }})
{%- endmacro -%}

{%- macro kpi_merge_condition(clause) -%}
  {%- set condition = clause.get('condition') -%}
  {%- if condition is string and condition -%}
    and {{ condition }}
  {%- elif condition -%}
    and ({{ condition | join(') and (') }})
  {%- endif -%}
{%- endmacro -%}

{#- What one clause does, after its THEN. -#}
{%- macro kpi_merge_action(clause, dest_columns, matched) -%}
  {%- set action = clause.get('action') -%}
  {%- set mode = clause.get('mode') -%}
  {%- if action == 'delete' -%}
    delete
  {%- elif action == 'do_nothing' -%}
    do nothing
  {%- elif action == 'error' -%}
    error{{ " '" ~ clause['error_message'] | replace("'", "''") ~ "'" if clause.get('error_message') }}
  {%- elif action == 'update' and not matched -%}
    update set {{ kpi_merge_assignments(clause.get('set_expressions', {}), []) }}
  {%- elif action in ['update', 'insert'] and mode in ['by_name', 'by_position'] -%}
    {{ action }} {{ mode | replace('_', ' ') }}
  {%- elif action == 'update' and mode == 'star' -%}
    update set *
  {%- elif action == 'update' and mode == 'explicit' -%}
    {%- set update = clause.get('update', {}) -%}
    {%- set columns = get_merge_update_columns(update.get('include', []), update.get('exclude', []), dest_columns) -%}
    update set {{ kpi_merge_assignments(update.get('set_expressions', {}), columns) }}
  {%- elif action == 'insert' and mode == 'star' -%}
    insert *
  {%- elif action == 'insert' and mode == 'explicit' -%}
    {%- set insert = clause.get('insert', {}) -%}
    insert ({{ insert.get('columns', []) | join(', ') }}) values ({{ insert.get('values', []) | join(', ') }})
  {%- endif -%}
{%- endmacro -%}

{#- An expression for a column wins over taking the column as it comes. -#}
{%- macro kpi_merge_assignments(expressions, columns) -%}
  {%- set assignments = [] -%}
  {%- for column, expression in expressions.items() -%}
    {%- do assignments.append(column ~ ' = ' ~ expression) -%}
  {%- endfor -%}
  {%- for column in columns if column | replace('"', '') | replace("'", '') not in expressions -%}
    {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
  {%- endfor -%}
  {{ assignments | join(', ') }}
{%- endmacro -%}

{%- macro merge_clause_defaults(merge_update_condition, merge_insert_condition, merge_update_columns=[], merge_exclude_columns=[], merge_update_set_expressions={}) -%}
  {%- do return({
      'when_matched_update_by_name': {'action': 'update', 'mode': 'by_name', 'condition': merge_update_condition},
      'when_matched_update_explicit': {
          'action': 'update', 'mode': 'explicit', 'condition': merge_update_condition,
          'update': {
              'include': merge_update_columns,
              'exclude': merge_exclude_columns,
              'set_expressions': merge_update_set_expressions,
          },
      },
      'when_not_matched_insert_by_name': {'action': 'insert', 'mode': 'by_name', 'condition': merge_insert_condition},
  }) -%}
{%- endmacro -%}

{#- All faults of a merge's config at once, before the database sees any of it. -#}
{%- macro validate_merge_config(config, target_relation=none) -%}
  {%- set kinds = {
      'merge_update_condition': 'string',
      'merge_insert_condition': 'string',
      'merge_on_using_columns': 'sequence',
      'merge_update_columns': 'sequence',
      'merge_update_set_expressions': 'mapping',
      'merge_exclude_columns': 'sequence',
      'merge_returning_columns': 'sequence',
  } -%}
  {%- set errors = [] -%}
  {%- for field, kind in kinds.items() -%}
    {%- set check = {
        'string': validate_string_field,
        'sequence': validate_string_list_field,
        'mapping': validate_dict_field,
    }[kind] -%}
    {%- do check(config.get(field), field, errors) -%}
  {%- endfor -%}
  {%- do validate_merge_clauses(config, kinds, errors) -%}
  {%- if not errors -%}
    {%- do validate_ducklake_restrictions(config, target_relation, errors) -%}
  {%- endif -%}
  {%- if errors -%}
    {%- do exceptions.raise_compiler_error('MERGE configuration errors:\n' ~ errors | join('\n')) -%}
  {%- endif -%}
{%- endmacro -%}

{#- The checks below append to `errors` and return nothing. -#}

{%- macro validate_string_field(field_value, field_name, errors) -%}
  {%- if field_value is not none and field_value is not string -%}
    {%- do errors.append(field_name ~ ' must be a string, found: ' ~ field_value) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_string_list_field(field_value, field_name, errors) -%}
  {%- if field_value is none -%}
  {%- elif field_value is string or field_value is mapping or field_value is not sequence -%}
    {%- do errors.append(field_name ~ ' must be a list') -%}
  {%- else -%}
    {%- for item in field_value if item is not string -%}
      {%- do errors.append(field_name ~ ' must contain only string values, found: ' ~ item) -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_dict_field(field_value, field_name, errors) -%}
  {%- if field_value is not none and field_value is not mapping -%}
    {%- do errors.append(field_name ~ ' must be a dictionary, found: ' ~ field_value) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_merge_clauses(config, base_configuration_fields, errors) -%}
  {%- set clauses = config.get('merge_clauses') -%}
  {%- if clauses is none -%}
    {%- do return('') -%}
  {%- elif clauses is not mapping -%}
    {%- do errors.append('merge_clauses must be a dictionary, found: ' ~ clauses) -%}
    {%- do return('') -%}
  {%- endif -%}
  {%- set given = ['when_matched', 'when_not_matched'] | select('in', clauses) | list -%}
  {%- if not given -%}
    {%- do errors.append("merge_clauses must contain at least one of 'when_matched' or 'when_not_matched' keys") -%}
  {%- endif -%}
  {%- for clause_type in given -%}
    {%- do validate_merge_clause_list(clauses, clause_type, errors) -%}
  {%- endfor -%}
  {#- Which rows match and what is returned stay outside of the clauses; all else they replace. -#}
  {%- set ignored = [] -%}
  {%- for field, kind in base_configuration_fields.items() if field not in ['merge_on_using_columns', 'merge_returning_columns'] -%}
    {%- set value = config.get(field) -%}
    {%- if value is not none and (kind == 'string' or value | length > 0) -%}
      {%- do ignored.append(field) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if ignored -%}
    {%- do errors.append('When merge_clauses is specified, the following basic merge configurations will be ignored and should be removed: '
        ~ ignored | join(', ') ~ '. Say what they say within merge_clauses instead.') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_merge_clause_list(merge_clauses, clause_type, errors) -%}
  {%- set clauses = merge_clauses.get(clause_type) -%}
  {%- set path = 'merge_clauses.' ~ clause_type -%}
  {%- if clauses is string or clauses is mapping or clauses is not sequence -%}
    {%- do errors.append(path ~ ' must be a list') -%}
  {%- elif not clauses -%}
    {%- do errors.append(path ~ ' must contain at least one element') -%}
  {%- else -%}
    {%- for clause in clauses if clause is not mapping -%}
      {%- do errors.append(path ~ ' elements must be dictionaries, found: ' ~ clause) -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_ducklake_restrictions(config, target_relation, errors) -%}
  {%- if not target_relation or not adapter.is_ducklake(target_relation) -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- if config.get('merge_returning_columns') -%}
    {%- do errors.append('DuckLake MERGE restrictions: merge_returning_columns is not supported because DuckLake does not support RETURNING.') -%}
  {%- endif -%}
  {%- set clauses = config.get('merge_clauses') or {} -%}
  {%- set writing = (clauses.get('when_matched', []) + clauses.get('when_not_matched', []))
      | selectattr('action', 'defined') | selectattr('action', 'in', ['update', 'delete']) | list -%}
  {%- if writing | length > 1 -%}
    {%- do errors.append('DuckLake MERGE restrictions: merge_clauses can contain only a single UPDATE or DELETE action across '
        ~ 'when_matched and when_not_matched. Found ' ~ writing | length ~ ' UPDATE/DELETE actions.') -%}
  {%- endif -%}
{%- endmacro -%}
