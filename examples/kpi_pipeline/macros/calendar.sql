{#- The day that the pipeline takes for today: the var `kpi_today` if it is set, else the calendar's. -#}
{% macro kpi_today() -%}
    {%- set pinned = var('kpi_today', none) -%}
    {%- if pinned is none -%} current_date {%- else -%} cast('{{ pinned }}' as date) {%- endif -%}
{%- endmacro %}


{#- A date or timestamp of the export, moved by whole days so that the day of the export becomes today.
    Staging and intermediate models keep the dates of the export, which do not move from one run to the next
    (snapshots and incremental models rely on that); the star schema calls this. -#}
{% macro follow_calendar(column, type='timestamp') -%}
    {%- if var('follow_calendar') -%}
        {%- set days = dbt.datediff("cast('" ~ var('raw_data_anchor') ~ "' as date)", kpi_today(), 'day') -%}
        cast({{ dbt.dateadd('day', days, column) }} as {{ type }})
    {%- else -%}
        cast({{ column }} as {{ type }})
    {%- endif -%}
{%- endmacro %}


{#- True for the days of the window that ends today, today included. -#}
{% macro in_kpi_window(column, as_of=none, days=none) -%}
    {%- set last_day = as_of or kpi_today() -%}
    {%- set length = days or var('kpi_window_days') -%}
    {{ column }} > cast({{ dbt.dateadd('day', -(length | int), last_day) }} as date) and {{ column }} <= {{ last_day }}
{%- endmacro %}
