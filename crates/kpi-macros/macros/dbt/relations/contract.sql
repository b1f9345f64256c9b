{#- Contracts: the columns a model promises, as DDL and as a check before anything is built. -#}

{%- macro get_table_columns_and_constraints() -%}
  {%- do return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_table_columns_and_constraints() -%}
  {%- do return(table_columns_and_constraints()) -%}
{%- endmacro -%}

{%- macro table_columns_and_constraints() -%}
  {%- set columns = adapter.render_raw_columns_constraints(raw_columns=model['columns']) | list -%}
  {%- set constraints = adapter.render_raw_model_constraints(raw_constraints=model['constraints']) | list -%}
  (
    {{ (columns + constraints) | join(',\n    ') }}
  )
{%- endmacro -%}

{%- macro get_assert_columns_equivalent(sql) -%}
  {%- do return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) -%}
{%- endmacro -%}

{%- macro default__get_assert_columns_equivalent(sql) -%}
  {%- do return(assert_columns_equivalent(sql)) -%}
{%- endmacro -%}

{#- Fails unless the query yields the promised columns: same number, names and types, in any order. -#}
{%- macro assert_columns_equivalent(sql) -%}
  {%- set promised = model['columns'] -%}
  {%- if not promised -%}
    {%- do exceptions.raise_contract_error([], []) -%}
  {%- endif -%}
  {%- set found = format_columns(get_column_schema_from_query(sql, config.get('sql_header', none))) -%}
  {#- The promise goes through the database too, so that int and INTEGER are one type. -#}
  {%- set expected = format_columns(get_column_schema_from_query(get_empty_schema_sql(promised))) -%}
  {%- set ns = namespace(kept=found | length == expected | length) -%}
  {%- set by_name = {} -%}
  {%- for column in expected -%}
    {%- do by_name.setdefault(column['name'], column['formatted']) -%}
  {%- endfor -%}
  {%- for column in found if by_name.get(column['name']) != column['formatted'] -%}
    {%- set ns.kept = false -%}
  {%- endfor -%}
  {%- if not ns.kept -%}
    {%- do exceptions.raise_contract_error(expected, found) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro format_columns(columns) -%}
  {%- set formatted = [] -%}
  {%- for column in columns -%}
    {%- do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) -%}
  {%- endfor -%}
  {%- do return(formatted) -%}
{%- endmacro -%}

{%- macro default__format_column(column) -%}
  {%- do return({
      'name': column.name,
      'data_type': column.dtype,
      'formatted': column.column | lower ~ ' ' ~ column.dtype,
  }) -%}
{%- endmacro -%}
