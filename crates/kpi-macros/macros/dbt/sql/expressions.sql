{#- Expressions that databases spell differently: values, texts, booleans, aggregates, set operations. -#}

{%- macro cast(field, type) -%}
  {%- do return(adapter.dispatch('cast', 'dbt')(field, type)) -%}
{%- endmacro -%}

{%- macro default__cast(field, type) %}
  cast({{ field }} as {{ type }})
{% endmacro -%}

{#- Null instead of an error where the database can do that; else a plain cast. -#}
{%- macro safe_cast(field, type) -%}
  {%- do return(adapter.dispatch('safe_cast', 'dbt')(field, type)) -%}
{%- endmacro -%}

{%- macro default__safe_cast(field, type) %}
  cast({{ field }} as {{ type }})
{% endmacro -%}

{%- macro cast_bool_to_text(field) -%}
  {%- do return(adapter.dispatch('cast_bool_to_text', 'dbt')(field)) -%}
{%- endmacro -%}

{%- macro default__cast_bool_to_text(field) %}
  cast({{ field }} as {{ api.Column.translate_type('string') }})
{% endmacro -%}

{%- macro equals(expr1, expr2) -%}
  {%- do return(adapter.dispatch('equals', 'dbt')(expr1, expr2)) -%}
{%- endmacro -%}

{#- Whether two nulls are equal is for a behaviour flag to say; in plain SQL they are not. -#}
{%- macro default__equals(expr1, expr2) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    case when ({{ expr1 }} = {{ expr2 }}) or ({{ expr1 }} is null and {{ expr2 }} is null) then 0 else 1 end = 0
  {%- else -%}
    ({{ expr1 }} = {{ expr2 }})
  {%- endif %}
{% endmacro -%}

{%- macro string_literal(value) -%}
  {%- do return(adapter.dispatch('string_literal', 'dbt')(value)) -%}
{%- endmacro -%}

{%- macro default__string_literal(value) -%}
  '{{ value }}'
{%- endmacro -%}

{%- macro escape_single_quotes(expression) -%}
  {%- do return(adapter.dispatch('escape_single_quotes', 'dbt')(expression)) -%}
{%- endmacro -%}

{%- macro default__escape_single_quotes(expression) -%}
{{- expression | replace("'", "''") -}}
{%- endmacro -%}

{%- macro concat(fields) -%}
  {%- do return(adapter.dispatch('concat', 'dbt')(fields)) -%}
{%- endmacro -%}

{%- macro default__concat(fields) -%}
  {{ fields | join(' || ') }}
{%- endmacro -%}

{%- macro hash(field) -%}
  {%- do return(adapter.dispatch('hash', 'dbt')(field)) -%}
{%- endmacro -%}

{%- macro default__hash(field) -%}
  md5(cast({{ field }} as {{ api.Column.translate_type('string') }}))
{%- endmacro -%}

{%- macro length(expression) -%}
  {%- do return(adapter.dispatch('length', 'dbt')(expression)) -%}
{%- endmacro -%}

{%- macro default__length(expression) %}
  length( {{ expression }} )
{%- endmacro -%}

{%- macro position(substring_text, string_text) -%}
  {%- do return(adapter.dispatch('position', 'dbt')(substring_text, string_text)) -%}
{%- endmacro -%}

{%- macro default__position(substring_text, string_text) %}
  position( {{ substring_text }} in {{ string_text }} )
{%- endmacro -%}

{%- macro replace(field, old_chars, new_chars) -%}
  {%- do return(adapter.dispatch('replace', 'dbt')(field, old_chars, new_chars)) -%}
{%- endmacro -%}

{%- macro default__replace(field, old_chars, new_chars) %}
  replace( {{ field }}, {{ old_chars }}, {{ new_chars }} )
{% endmacro -%}

{%- macro right(string_text, length_expression) -%}
  {%- do return(adapter.dispatch('right', 'dbt')(string_text, length_expression)) -%}
{%- endmacro -%}

{%- macro default__right(string_text, length_expression) %}
  right( {{ string_text }}, {{ length_expression }} )
{%- endmacro -%}

{%- macro split_part(string_text, delimiter_text, part_number) -%}
  {%- do return(adapter.dispatch('split_part', 'dbt')(string_text, delimiter_text, part_number)) -%}
{%- endmacro -%}

{%- macro default__split_part(string_text, delimiter_text, part_number) -%}
  split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro -%}

{#- For adapters whose split_part counts from the front only: -1 is the last part. -#}
{%- macro _split_part_negative(string_text, delimiter_text, part_number) -%}
  {%- set delimiters = 'length(' ~ string_text ~ ') - length(replace(' ~ string_text ~ ', ' ~ delimiter_text ~ ", ''))" -%}
  split_part({{ string_text }}, {{ delimiter_text }}, {{ delimiters }} + 2 + {{ part_number }})
{%- endmacro -%}

{%- macro any_value(expression) -%}
  {%- do return(adapter.dispatch('any_value', 'dbt')(expression)) -%}
{%- endmacro -%}

{%- macro default__any_value(expression) -%}
  any_value({{ expression }})
{%- endmacro -%}

{%- macro bool_or(expression) -%}
  {%- do return(adapter.dispatch('bool_or', 'dbt')(expression)) -%}
{%- endmacro -%}

{%- macro default__bool_or(expression) -%}
  bool_or({{ expression }})
{%- endmacro -%}

{%- macro listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) -%}
  {%- do return(adapter.dispatch('listagg', 'dbt')(measure, delimiter_text, order_by_clause, limit_num)) -%}
{%- endmacro -%}

{%- macro default__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set order = ' within group (' ~ order_by_clause ~ ')' if order_by_clause else '' -%}
  {%- if limit_num -%}
    array_to_string(array_slice(array_agg({{ measure }}){{ order }}, 0, {{ limit_num }}), {{ delimiter_text }})
  {%- else -%}
    listagg({{ measure }}, {{ delimiter_text }}){{ order }}
  {%- endif -%}
{%- endmacro -%}

{%- macro array_construct(inputs=[], data_type=api.Column.translate_type('integer')) -%}
  {%- do return(adapter.dispatch('array_construct', 'dbt')(inputs, data_type)) -%}
{%- endmacro -%}

{%- macro default__array_construct(inputs, data_type) -%}
  {%- if inputs | length == 0 %}
    array[]::{{ data_type }}[]
  {% else %}
    array[ {{ inputs | join(' , ') }} ]
  {% endif -%}
{%- endmacro -%}

{%- macro array_append(array, new_element) -%}
  {%- do return(adapter.dispatch('array_append', 'dbt')(array, new_element)) -%}
{%- endmacro -%}

{%- macro default__array_append(array, new_element) -%}
  array_append({{ array }}, {{ new_element }})
{%- endmacro -%}

{%- macro array_concat(array_1, array_2) -%}
  {%- do return(adapter.dispatch('array_concat', 'dbt')(array_1, array_2)) -%}
{%- endmacro -%}

{%- macro default__array_concat(array_1, array_2) -%}
  array_cat({{ array_1 }}, {{ array_2 }})
{%- endmacro -%}

{%- macro except() -%}
  {%- do return(adapter.dispatch('except', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__except() %}
  except
{% endmacro -%}

{%- macro intersect() -%}
  {%- do return(adapter.dispatch('intersect', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__intersect() %}
  intersect
{% endmacro -%}
