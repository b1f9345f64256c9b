{#- '2025-06-30T14:03:22-03:00' as local time. Ploomes always writes the local offset, so it can go. -#}
{% macro ploomes_time(text) -%}
    {{ dbt.safe_cast("replace(left(" ~ text ~ ", 19), 'T', ' ')", 'timestamp') }}
{%- endmacro %}


{#- '2025-06-30 00:00:00.000' as a date: SAP has dates without a time, and writes one. -#}
{% macro sap_date(column) -%}
    {{ dbt.safe_cast('left(' ~ column ~ ', 10)', 'date') }}
{%- endmacro %}


{#- SAP's UpdateDate and UpdateTS (140322 for 14:03:22) as one timestamp. -#}
{% macro sap_time(date_column, time_column) -%}
    {{ dbt.safe_cast("left(" ~ date_column ~ ", 10) || ' ' || left(lpad(" ~ time_column ~ ", 6, '0'), 2) || ':' || substr(lpad(" ~ time_column ~ ", 6, '0'), 3, 2) || ':' || right(" ~ time_column ~ ", 2)", 'timestamp') }}
{%- endmacro %}


{#- Unix seconds, as WhatsApp writes them in text, as local time. -#}
{% macro unix_time(text) -%}
    {%- set seconds = "(cast(" ~ text ~ " as bigint) + " ~ (var('utc_offset_hours') * 3600) ~ ")" -%}
    {{ dbt.dateadd('second', seconds, "cast('1970-01-01 00:00:00' as timestamp)") }}
{%- endmacro %}


{#- '30/06/2025' as a date. -#}
{% macro brazilian_date(column) -%}
    {{ dbt.safe_cast("right(" ~ column ~ ", 4) || '-' || substr(" ~ column ~ ", 4, 2) || '-' || left(" ~ column ~ ", 2)", 'date') }}
{%- endmacro %}


{#- '1.234,56' as a number. -#}
{% macro brazilian_number(column, type='numeric(18, 2)') -%}
    {{ dbt.safe_cast("replace(replace(" ~ column ~ ", '.', ''), ',', '.')", type) }}
{%- endmacro %}


{#- Text that an export pads or leaves empty: trimmed, and null when nothing is left. -#}
{% macro clean_text(text) -%}
    nullif(trim({{ text }}), '')
{%- endmacro %}
