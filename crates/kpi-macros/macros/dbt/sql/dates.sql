{#- Dates and series in SQL. -#}

{%- macro date(year, month, day) -%}
  {%- do return(adapter.dispatch('date', 'dbt')(year, month, day)) -%}
{%- endmacro -%}

{%- macro default__date(year, month, day) -%}
  to_date('{{ modules.datetime.date(year, month, day).isoformat() }}', 'YYYY-MM-DD')
{%- endmacro -%}

{%- macro dateadd(datepart, interval, from_date_or_timestamp) -%}
  {%- do return(adapter.dispatch('dateadd', 'dbt')(datepart, interval, from_date_or_timestamp)) -%}
{%- endmacro -%}

{%- macro default__dateadd(datepart, interval, from_date_or_timestamp) -%}
  dateadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro -%}

{%- macro datediff(first_date, second_date, datepart) -%}
  {%- do return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) -%}
{%- endmacro -%}

{%- macro default__datediff(first_date, second_date, datepart) -%}
  datediff({{ datepart }}, {{ first_date }}, {{ second_date }})
{%- endmacro -%}

{%- macro date_trunc(datepart, date) -%}
  {%- do return(adapter.dispatch('date_trunc', 'dbt')(datepart, date)) -%}
{%- endmacro -%}

{%- macro default__date_trunc(datepart, date) -%}
  date_trunc('{{ datepart }}', {{ date }})
{%- endmacro -%}

{%- macro last_day(date, datepart) -%}
  {%- do return(adapter.dispatch('last_day', 'dbt')(date, datepart)) -%}
{%- endmacro -%}

{%- macro default__last_day(date, datepart) -%}
  {{ dbt.default_last_day(date, datepart) }}
{%- endmacro -%}

{#- The day before the next period begins. -#}
{%- macro default_last_day(date, datepart) -%}
  {%- set next_period = dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date)) -%}
  cast({{ dbt.dateadd('day', '-1', next_period) }} as date)
{%- endmacro -%}

{#- The smallest n with upper_bound <= 2^n, one at least. -#}
{%- macro get_powers_of_two(upper_bound) -%}
  {%- do return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) -%}
{%- endmacro -%}

{%- macro default__get_powers_of_two(upper_bound) -%}
  {%- if upper_bound <= 0 -%}
    {%- do exceptions.raise_compiler_error('upper bound must be positive') -%}
  {%- endif -%}
  {%- for power in range(1, 100) if upper_bound <= 2 ** power -%}
    {%- do return(power) -%}
  {%- endfor -%}
{%- endmacro -%}

{#- The numbers from 1 to upper_bound, as a query with the column generated_number. -#}
{%- macro generate_series(upper_bound) -%}
  {%- do return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) -%}
{%- endmacro -%}

{#- Without a function for it: the digits of a binary number, cross joined. -#}
{%- macro default__generate_series(upper_bound) -%}
  {%- set terms = [] -%}
  {%- set tables = [] -%}
  {%- for digit in range(dbt.get_powers_of_two(upper_bound)) -%}
    {%- do terms.append('p' ~ digit ~ '.generated_number * power(2, ' ~ digit ~ ')') -%}
    {%- do tables.append('p as p' ~ digit) -%}
  {%- endfor %}
  with p as (
    select 0 as generated_number union all select 1
  ),
  numbers as (
    select {{ terms | join(' + ') }} + 1 as generated_number
    from {{ tables | join(' cross join ') }}
  )
  select *
  from numbers
  where generated_number <= {{ upper_bound }}
  order by generated_number
{% endmacro -%}

{#- How many periods lie between two dates: the database is asked. -#}
{%- macro get_intervals_between(start_date, end_date, datepart) -%}
  {%- do return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) -%}
{%- endmacro -%}

{%- macro default__get_intervals_between(start_date, end_date, datepart) -%}
  {%- call statement('get_intervals_between', fetch_result=True) -%}
    select {{ dbt.datediff(start_date, end_date, datepart) }}
  {%- endcall -%}
  {%- set answer = load_result('get_intervals_between') -%}
  {#- While the project is parsed there is no answer; any number does then. -#}
  {%- do return(answer['data'][0][0] if answer and answer['data'] else 1) -%}
{%- endmacro -%}

{#- One row per period from start_date to end_date, as a query with the column date_<datepart>. -#}
{%- macro date_spine(datepart, start_date, end_date) -%}
  {%- do return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) -%}
{%- endmacro -%}

{%- macro default__date_spine(datepart, start_date, end_date) %}
  with rawdata as (
    {{ dbt.generate_series(dbt.get_intervals_between(start_date, end_date, datepart)) }}
  ),
  all_periods as (
    select ( {{ dbt.dateadd(datepart, 'row_number() over (order by 1) - 1', start_date) }} ) as date_{{ datepart }}
    from rawdata
  ),
  filtered as (
    select * from all_periods where date_{{ datepart }} <= {{ end_date }}
  )
  select * from filtered
{% endmacro -%}
