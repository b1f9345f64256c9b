{#- Expressions that Snowflake spells in its own way. -#}

{%- macro snowflake__array_construct(inputs, data_type) -%}
  array_construct({{ inputs | join(', ') }})
{%- endmacro -%}

{%- macro snowflake__bool_or(expression) -%}
  boolor_agg({{ expression }})
{%- endmacro -%}

{#- Types of places have functions of their own instead of a cast. -#}
{%- macro snowflake__cast(field, type) -%}
  {%- if type | upper in ['GEOGRAPHY', 'GEOMETRY'] -%}
    to_{{ type | lower }}({{ field }})
  {%- else -%}
    cast({{ field }} as {{ type }})
  {%- endif -%}
{%- endmacro -%}

{#- try_cast takes texts only, and no variants. -#}
{%- macro snowflake__safe_cast(field, type) -%}
  {%- if type | upper in ['GEOGRAPHY', 'GEOMETRY'] -%}
    try_to_{{ type | lower }}({{ field }})
  {%- elif type | upper == 'VARIANT' -%}
    {{ adapter.dispatch('cast', 'dbt')(field, type) }}
  {%- else -%}
    try_cast({{ dbt.string_literal(field) if field is number else field }} as {{ type }})
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__equals(expr1, expr2) -%}
  {%- set same = '=' if not adapter.behavior.enable_truthy_nulls_equals_macro.no_warn else 'is not distinct from' -%}
  ({{ expr1 }} {{ same }} {{ expr2 }})
{%- endmacro -%}

{%- macro snowflake__escape_single_quotes(expression) -%}
{{- expression | replace("'", "\\'") -}}
{%- endmacro -%}

{#- right() of zero characters is not empty here. -#}
{%- macro snowflake__right(string_text, length_expression) -%}
  case when {{ length_expression }} = 0 then '' else right({{ string_text }}, {{ length_expression }}) end
{%- endmacro -%}
