{#- User-defined functions: SQL, Python and JavaScript. -#}

{%- macro snowflake__scalar_function_create_replace_signature_sql(target_relation) -%}
  {{ kpi_snowflake_function_head(target_relation, formatted_scalar_function_args_sql(), 'SQL') }}
  AS
{%- endmacro -%}

{%- macro kpi_snowflake_function_head(relation, arguments, language) -%}
  CREATE OR REPLACE FUNCTION {{ relation.render() }} ({{ arguments }})
  RETURNS {{ model.returns.data_type }}
  LANGUAGE {{ language }}
  {{ scalar_function_volatility_sql() }}
{%- endmacro -%}

{%- macro snowflake__scalar_function_body_sql() -%}
  $$
{{ model.compiled_code }}
  $$
{%- endmacro -%}

{%- macro kpi_snowflake_function_arguments(quoted=false) -%}
  {%- set arguments = [] -%}
  {%- for argument in model.arguments -%}
    {%- set default = argument.get('default_value', none) -%}
    {%- do arguments.append((adapter.quote(argument.name) if quoted else argument.name) ~ ' ' ~ argument.data_type
        ~ ('' if default is none else ' DEFAULT ' ~ default)) -%}
  {%- endfor -%}
  {{ arguments | join(', ') }}
{%- endmacro -%}

{%- macro snowflake__formatted_scalar_function_args_sql() -%}
  {{ kpi_snowflake_function_arguments() }}
{%- endmacro -%}

{#- JavaScript sees names in upper case unless they are quoted. -#}
{%- macro snowflake__formatted_scalar_function_args_javascript() -%}
  {{ kpi_snowflake_function_arguments(model.config.get('snowflake', {}).get('quote_args', true)) }}
{%- endmacro -%}

{#- `stable` is what no function of Snowflake's can be. -#}
{%- macro snowflake__scalar_function_volatility_sql() -%}
  {{ kpi_function_volatility({'deterministic': 'IMMUTABLE', 'non-deterministic': 'VOLATILE'}) }}
{%- endmacro -%}

{%- macro snowflake__scalar_function_create_replace_signature_python(target_relation) -%}
  {{ kpi_snowflake_function_head(target_relation, formatted_scalar_function_args_sql(), 'PYTHON') }}
  {{ get_function_python_options() }}
  AS
{%- endmacro -%}

{%- macro snowflake__scalar_function_python(target_relation) -%}
  {{ snowflake__scalar_function_create_replace_signature_python(target_relation) }}
  {{ scalar_function_body_sql() }}
{%- endmacro -%}

{%- macro snowflake__scalar_function_create_replace_signature_javascript(target_relation) -%}
  {{ kpi_snowflake_function_head(target_relation, formatted_scalar_function_args_javascript(), 'JAVASCRIPT') }}
  AS
{%- endmacro -%}

{%- macro snowflake__scalar_function_javascript(target_relation) -%}
  {{ snowflake__scalar_function_create_replace_signature_javascript(target_relation) }}
  {{ scalar_function_body_sql() }}
{%- endmacro -%}

{%- macro snowflake__aggregate_function_python(target_relation) -%}
  {{ get_aggregate_function_create_replace_signature(target_relation) }}
  {{ scalar_function_body_sql() }}
{%- endmacro -%}

{%- macro snowflake__aggregate_function_javascript(target_relation) -%}
  {%- do exceptions.raise_compiler_error('JS aggregate functions not supported in snowflake') -%}
{%- endmacro -%}
