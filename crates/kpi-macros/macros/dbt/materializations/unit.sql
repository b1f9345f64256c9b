{#- A unit test: run the model's query over given rows and put its answer beside the expected rows. -#}

{%- materialization unit, default -%}
  {%- set sql_header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
  {%- set expected_rows = config.get('expected_rows') -%}
  {%- set expected_sql = config.get('expected_sql') -%}
  {#- Only the columns that the expectation names are compared. -#}
  {%- set compared = expected_rows[0].keys() if expected_rows | length > 0 else get_columns_in_query(sql) -%}

  {#- An empty table of the query's shape tells the types, which the expected rows are cast to. -#}
  {%- set shape = make_temp_relation(this.incorporate(type='table')) -%}
  {%- do run_query(get_create_table_as_sql(True, shape, get_empty_subquery_sql(sql))) -%}
  {%- set types = {} -%}
  {%- set quoted_names = {} -%}
  {%- for column in adapter.get_columns_in_relation(shape) -%}
    {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- do quoted_names.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}
  {%- set compared_quoted = [] -%}
  {%- for name in compared -%}
    {%- do compared_quoted.append(quoted_names[name | lower]) -%}
  {%- endfor -%}
  {%- set expected = expected_sql or get_expected_sql(expected_rows, types, quoted_names) -%}
  {%- set comparison = get_unit_test_sql(sql, expected, compared_quoted) -%}

  {%- call statement('main', fetch_result=True) -%}
    {{ sql_header or '' }}
    {{ comparison }}
  {%- endcall -%}
  {%- do adapter.drop_relation(shape) -%}
  {%- do return({'relations': []}) -%}
{%- endmaterialization -%}

{%- macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {%- do return(adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names)) -%}
{%- endmacro -%}

{%- macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
{%- set columns = expected_column_names | join(', ') -%}
{%- set side = adapter.quote('actual_or_expected') -%}
with dbt_internal_unit_test_actual as (
  select {{ columns }}, {{ dbt.string_literal('actual') }} as {{ side }}
  from (
    {{ main_sql }}
  ) _dbt_internal_unit_test_actual
),
dbt_internal_unit_test_expected as (
  select {{ columns }}, {{ dbt.string_literal('expected') }} as {{ side }}
  from (
    {{ expected_fixture_sql }}
  ) _dbt_internal_unit_test_expected
)
select * from dbt_internal_unit_test_actual
union all
select * from dbt_internal_unit_test_expected
{%- endmacro -%}

{#- Rows of an input, written out as selects. Columns that a row leaves out are null. -#}
{%- macro get_fixture_sql(rows, column_name_to_data_types) -%}
  {%- set types = column_name_to_data_types or {} -%}
  {%- set names = {} -%}
  {%- if not types -%}
    {#- A parent that was never built here may exist in the environment that is deferred to. -#}
    {%- set known = defer_relation if defer_relation and not load_relation(this) else this -%}
    {%- for column in adapter.get_columns_in_relation(known) -%}
      {%- do types.update({column.name | lower: column.data_type}) -%}
      {%- do names.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- if not types -%}
    {%- do exceptions.raise_compiler_error("Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist") -%}
  {%- endif -%}
  {%- set blank = {} -%}
  {%- for name, type in types.items() -%}
    {%- do blank.update({name: safe_cast('null', type) | trim}) -%}
  {%- endfor -%}
  {%- do validate_fixture_rows(rows, row_number) -%}
  {%- set selects = [] -%}
  {%- for row in rows -%}
    {%- set filled = blank.copy() -%}
    {%- do filled.update(format_row(row, types)) -%}
    {%- do selects.append(kpi_select_values(filled, names)) -%}
  {%- endfor -%}
  {%- if not rows -%}
    {%- do selects.append(kpi_select_values(blank, names) ~ ' limit 0') -%}
  {%- endif -%}
  {{ selects | join('\nunion all\n') }}
{%- endmacro -%}

{%- macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) -%}
  {%- if not rows -%}
    {#- No rows expected: the answer's own shape, empty. -#}
    select * from dbt_internal_unit_test_actual limit 0
  {%- else -%}
    {%- set selects = [] -%}
    {%- for row in rows -%}
      {%- do selects.append(kpi_select_values(format_row(row, column_name_to_data_types), column_name_to_quoted)) -%}
    {%- endfor -%}
    {{ selects | join('\nunion all\n') }}
  {%- endif -%}
{%- endmacro -%}

{%- macro kpi_select_values(row, quoted_names) -%}
  {%- set fields = [] -%}
  {%- for name, value in row.items() -%}
    {%- do fields.append((value | trim) ~ ' as ' ~ quoted_names.get(name, adapter.quote(name))) -%}
  {%- endfor -%}
  {%- do return('select ' ~ fields | join(', ')) -%}
{%- endmacro -%}

{#- A fixture's row as SQL: names in lower case, every value cast to its column's type. -#}
{%- macro format_row(row, column_name_to_data_types) -%}
  {%- set formatted = {} -%}
  {%- for key, value in row.items() -%}
    {%- set name = key | lower -%}
    {%- if name not in column_name_to_data_types -%}
      {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
      {%- do exceptions.raise_compiler_error(
          "Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ fixture ~ ".\n"
          ~ "Accepted columns for " ~ fixture ~ " are: " ~ (column_name_to_data_types.keys() | list)) -%}
    {%- endif -%}
    {%- set type = column_name_to_data_types[name] -%}
    {%- set literal = value -%}
    {%- if value is string -%}
      {%- set literal = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
      {#- character varying(5) would cut a longer text off without a word. -#}
      {%- if 'varying' in type -%}
        {%- set type = type.split('(')[0] -%}
      {%- endif -%}
    {%- elif value is none -%}
      {%- set literal = 'null' -%}
    {%- endif -%}
    {%- do formatted.update({name: safe_cast(literal, type)}) -%}
  {%- endfor -%}
  {%- do return(formatted) -%}
{%- endmacro -%}

{%- macro validate_fixture_rows(rows, row_number) -%}
  {%- do return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) -%}
{%- endmacro -%}

{#- A place for adapters that cannot hold some values in a fixture. -#}
{%- macro default__validate_fixture_rows(rows, row_number) -%}{%- endmacro -%}
