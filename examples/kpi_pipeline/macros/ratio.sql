{#- numerator / denominator * scale, rounded to cents; `otherwise` where there is nothing to divide by. -#}
{% macro ratio(numerator, denominator, scale=1, otherwise=0) -%}
    cast(coalesce(round({{ scale }}.0 * {{ numerator }} / nullif({{ denominator }}, 0), 2), {{ otherwise }}) as numeric(18, 2))
{%- endmacro %}

{% macro percent(part, whole, otherwise=0) -%}
    {{ ratio(part, whole, 100, otherwise) }}
{%- endmacro %}
