{#- User-defined functions are DuckDB's macros: the body is one expression. It has no types of arguments (only
    databases of a newer storage version keep those), so the declared type of the result is what is made sure of. -#}

{%- macro duckdb__scalar_function_sql(target_relation) -%}
  {%- do return(kpi_duckdb_macro_sql(target_relation)) -%}
{%- endmacro -%}

{%- macro duckdb__aggregate_function_sql(target_relation) -%}
  {%- do return(kpi_duckdb_macro_sql(target_relation)) -%}
{%- endmacro -%}

{%- macro kpi_duckdb_macro_sql(relation) -%}
  {%- if model.config.get('volatility') is not none -%}
    {%- do unsupported_volatility_warning(model.config.get('volatility')) -%}
  {%- endif -%}
  {#- The line end closes a comment that the body may end with. -#}
  {%- set sql -%}
    create or replace function {{ relation.render() }} ({{ formatted_scalar_function_args_sql() }}) as cast((
      {{ model.compiled_code }}
    ) as {{ model.returns.data_type }})
  {%- endset -%}
  {%- do return(sql) -%}
{%- endmacro -%}

{%- macro duckdb__formatted_scalar_function_args_sql() -%}
  {%- set arguments = [] -%}
  {%- for argument in model.arguments -%}
    {%- set default = argument.get('default_value') -%}
    {%- if default is none -%}
      {%- do arguments.append(argument.name) -%}
    {%- else -%}
      {%- set literal = "'" ~ escape_single_quotes(default) ~ "'" if default is string else default -%}
      {%- do arguments.append(argument.name ~ ' := cast(' ~ literal ~ ' as ' ~ argument.data_type ~ ')') -%}
    {%- endif -%}
  {%- endfor -%}
  {{ arguments | join(', ') }}
{%- endmacro -%}
