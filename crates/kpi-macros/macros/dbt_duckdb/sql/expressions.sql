{#- DuckDB's spelling of the cross-database functions, where it differs. -#}

{%- macro duckdb__any_value(expression) -%}
  arbitrary({{ expression }})
{%- endmacro -%}

{%- macro duckdb__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set ordered = measure ~ ' ' ~ order_by_clause if order_by_clause else measure -%}
  {%- if limit_num -%}
    list_aggr( (array_agg( {{ ordered }} ))[1:{{ limit_num }}], 'string_agg', {{ delimiter_text }} )
  {%- else %}
    string_agg( {{ measure }}, {{ delimiter_text }}{{ ' ' ~ order_by_clause if order_by_clause }} )
  {%- endif -%}
{%- endmacro -%}

{%- macro duckdb__split_part(string_text, delimiter_text, part_number) %}
  string_split({{ string_text }}, {{ delimiter_text }})[ {{ part_number }} ]
{% endmacro -%}

{%- macro duckdb__date(year, month, day) -%}
  make_date({{ year }}, {{ month }}, {{ day }})
{%- endmacro -%}

{#- `interval (expression) day` is not for every expression; a multiple of one day is. -#}
{%- macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {%- set part = datepart | lower -%}
  {%- set factor, unit = {'quarter': (3, 'month'), 'week': (7, 'day')}.get(part, (1, part)) %}
  ({{ from_date_or_timestamp }} + {{ '(' if factor > 1 }}cast({{ interval }} as bigint){{ ' * ' ~ factor ~ ')' if factor > 1 }} * interval 1 {{ unit }})
{%- endmacro -%}

{#- Weeks begin on Sunday here, which DuckDB's own date_diff does not offer. -#}
{%- macro duckdb__datediff(first_date, second_date, datepart) -%}
  {%- if datepart == 'week' -%}
    {%- set first_dow = "date_part('dow', (" ~ first_date ~ ')::timestamp)' -%}
    {%- set second_dow = "date_part('dow', (" ~ second_date ~ ')::timestamp)' -%}
    ({{ datediff(first_date, second_date, 'day') }} // 7 + case
      when {{ first_date }} <= {{ second_date }} then case when {{ first_dow }} <= {{ second_dow }} then 0 else 1 end
      when {{ first_dow }} <= {{ second_dow }} then -1
      else 0
    end)
  {%- else %}
    (date_diff('{{ datepart }}', {{ first_date }}::timestamp, {{ second_date }}::timestamp ))
  {% endif -%}
{%- endmacro -%}

{%- macro duckdb__last_day(date, datepart) -%}
  {{ dbt.default_last_day(date, datepart) }}
{%- endmacro -%}

{%- macro duckdb__generate_series(upper_bound) %}
  select generate_series as generated_number from generate_series(1, {{ upper_bound }})
{% endmacro -%}
