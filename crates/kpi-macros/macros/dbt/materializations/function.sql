{#- User-defined functions, for databases that have them. -#}

{% materialization function, default, supported_languages=['sql', 'python', 'javascript'] %}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type=this.Function) -%}
  {%- do run_hooks(pre_hooks) -%}
  {#- The macro's name is known at run time only; under a name of its own, dispatch is not taken for a call
      whose target can be read off the text. -#}
  {%- set find_macro = adapter.dispatch -%}
  {%- set build_sql = find_macro(this.get_function_macro_name(this.get_function_config(model)), 'dbt')(new) -%}
  {%- do function_execute_build_sql(build_sql, old, new) -%}
  {%- do run_hooks(post_hooks) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{%- macro function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- do return(adapter.dispatch('function_execute_build_sql', 'dbt')(build_sql, existing_relation, target_relation)) -%}
{%- endmacro -%}

{%- macro default__function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- call statement(name='main') -%} {{ build_sql }} {%- endcall -%}
  {%- do kpi_grant_and_document(target_relation, existing_relation) -%}
  {%- do adapter.commit() -%}
{%- endmacro -%}

{#- Scalar functions. -#}

{%- macro scalar_function_sql(target_relation) -%}
  {%- do return(adapter.dispatch('scalar_function_sql', 'dbt')(target_relation)) -%}
{%- endmacro -%}

{%- macro default__scalar_function_sql(target_relation) -%}
  {{ scalar_function_create_replace_signature_sql(target_relation) }}
  {{ scalar_function_body_sql() }};
{%- endmacro -%}

{%- macro scalar_function_create_replace_signature_sql(target_relation) -%}
  {%- do return(adapter.dispatch('scalar_function_create_replace_signature_sql', 'dbt')(target_relation)) -%}
{%- endmacro -%}

{%- macro default__scalar_function_create_replace_signature_sql(target_relation) -%}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }}
  {{ scalar_function_volatility_sql() }}
  AS
{%- endmacro -%}

{%- macro scalar_function_body_sql() -%}
  {%- do return(adapter.dispatch('scalar_function_body_sql', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__scalar_function_body_sql() -%}
  $$
    {{ model.compiled_code }}
  $$ LANGUAGE SQL
{%- endmacro -%}

{%- macro formatted_scalar_function_args_sql() -%}
  {%- do return(adapter.dispatch('formatted_scalar_function_args_sql', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__formatted_scalar_function_args_sql() -%}
  {%- set arguments = [] -%}
  {%- for argument in model.arguments -%}
    {%- do arguments.append(argument.name ~ ' ' ~ argument.data_type) -%}
  {%- endfor -%}
  {{ arguments | join(', ') }}
{%- endmacro -%}

{%- macro formatted_scalar_function_args_javascript() -%}
  {%- do return(adapter.dispatch('formatted_scalar_function_args_javascript', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__formatted_scalar_function_args_javascript() -%}
  {%- do exceptions.raise_compiler_error('formatted_scalar_function_args_javascript not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro -%}

{%- macro scalar_function_volatility_sql() -%}
  {%- do return(adapter.dispatch('scalar_function_volatility_sql', 'dbt')()) -%}
{%- endmacro -%}

{#- Says nothing when nothing is configured: the database has its own default. -#}
{%- macro default__scalar_function_volatility_sql() -%}
  {{ kpi_function_volatility({'deterministic': 'IMMUTABLE', 'stable': 'STABLE', 'non-deterministic': 'VOLATILE'}) }}
{%- endmacro -%}

{#- The database's word for what is configured; a warning where it has none. -#}
{%- macro kpi_function_volatility(words) -%}
  {%- set volatility = model.config.get('volatility') -%}
  {%- if volatility in words -%}
    {{ words[volatility] }}
  {%- elif volatility is not none -%}
    {%- do unsupported_volatility_warning(volatility) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro scalar_function_volatility_javascript() -%}
  {%- do return(adapter.dispatch('scalar_function_volatility_javascript', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__scalar_function_volatility_javascript() -%}
  {%- if model.config.get('volatility') is not none -%}
    {%- do exceptions.warn('Volatility is not supported by ' ~ adapter.type() ~ ' in javascript UDF and will be ignored') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro unsupported_volatility_warning(volatility) -%}
  {%- do return(adapter.dispatch('unsupported_volatility_warning', 'dbt')(volatility)) -%}
{%- endmacro -%}

{%- macro default__unsupported_volatility_warning(volatility) -%}
  {%- do exceptions.warn('Found `' ~ volatility ~ '` volatility specified on function `' ~ model.name
      ~ '`. This volatility is not supported by ' ~ adapter.type() ~ ', and will be ignored') -%}
{%- endmacro -%}

{#- Aggregate functions. -#}

{%- macro get_aggregate_function_create_replace_signature(target_relation) -%}
  {%- do return(adapter.dispatch('get_aggregate_function_create_replace_signature', 'dbt')(target_relation)) -%}
{%- endmacro -%}

{%- macro default__get_aggregate_function_create_replace_signature(target_relation) -%}
  CREATE OR REPLACE AGGREGATE FUNCTION {{ target_relation.render() }} ({{ get_formatted_aggregate_function_args() }})
  RETURNS {{ model.returns.data_type }}
  {{ get_function_language_specifier() }}
  {{ get_aggregate_function_volatility_specifier() }}
  {{ get_function_python_options() if model.get('language') == 'python' }}
  AS
{%- endmacro -%}

{%- macro get_formatted_aggregate_function_args() -%}
  {%- do return(adapter.dispatch('get_formatted_aggregate_function_args', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_formatted_aggregate_function_args() -%}
  {{ formatted_scalar_function_args_sql() }}
{%- endmacro -%}

{%- macro get_function_language_specifier() -%}
  {%- do return(adapter.dispatch('get_function_language_specifier', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_function_language_specifier() -%}
  {%- set language = model.get('language') -%}
  {%- if language == 'javascript' -%}
    LANGUAGE js
  {%- elif language != 'sql' -%}
    LANGUAGE {{ language | upper }}
  {%- endif -%}
{%- endmacro -%}

{%- macro get_aggregate_function_volatility_specifier() -%}
  {%- do return(adapter.dispatch('get_aggregate_function_volatility_specifier', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_aggregate_function_volatility_specifier() -%}
  {{ scalar_function_volatility_sql() }}
{%- endmacro -%}

{%- macro get_function_python_options() -%}
  {%- do return(adapter.dispatch('get_function_python_options', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_function_python_options() -%}
  {%- set packages = model.config.get('packages', []) -%}
  RUNTIME_VERSION = '{{ model.config.get('runtime_version') }}'
  HANDLER = '{{ model.config.get('entry_point') }}'
  {%- if packages %}
  PACKAGES = ('{{ packages | join("','") }}')
  {%- endif -%}
{%- endmacro -%}
