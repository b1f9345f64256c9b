{% set days_back = 730 %}

with recursive days as (

    select cast({{ dbt.dateadd('day', -days_back, kpi_today()) }} as date) as date_key

    union all

    select cast({{ dbt.dateadd('day', 1, 'date_key') }} as date) as date_key
    from days
    where date_key < {{ kpi_today() }}

)

select
    days.date_key,
    cast(extract(year from days.date_key) as integer) as year_number,
    cast(extract(quarter from days.date_key) as integer) as quarter_number,
    cast(extract(month from days.date_key) as integer) as month_number,
    cast({{ dbt.date_trunc('month', 'days.date_key') }} as date) as month_start,
    cast({{ dbt.date_trunc('week', 'days.date_key') }} as date) as week_start,
    cast(extract(day from days.date_key) as integer) as day_number,
    {{ dbt.datediff(dbt.date_trunc('week', 'days.date_key'), 'days.date_key', 'day') }} >= 5 as is_weekend,
    holidays.holiday_name,
    holidays.holiday_name is null
        and {{ dbt.datediff(dbt.date_trunc('week', 'days.date_key'), 'days.date_key', 'day') }} < 5 as is_business_day
from days
left join {{ ref('national_holidays') }} as holidays
    on holidays.month_number = extract(month from days.date_key)
    and holidays.day_number = extract(day from days.date_key)
