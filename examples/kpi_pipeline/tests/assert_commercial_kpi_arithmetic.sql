-- 100 leads, 15 of them won for 75,000 in all: 15.0 % and 5,000.0. A day without leads gives zeros, a day with
-- leads of which none was won too, and a day before the window does not appear.
{{ config(tags=['kpi', 'commercial']) }}

{% set days = {'full': '2025-03-31', 'unconverted': '2025-03-30', 'empty': '2025-03-29', 'oldest': '2025-01-01', 'too_old': '2024-12-31'} %}

with calendar as (

    {% for day in days.values() -%}
    select cast('{{ day }}' as date) as date_key
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

leads as (

    {% for number in range(100) -%}
    select
        {{ number }} as lead_id,
        cast('{{ days.full }}' as date) as date_key,
        {% if number < 15 -%} 'Won' {%- elif number is divisibleby 2 -%} 'Lost' {%- else -%} 'Open' {%- endif %} as lead_status,
        {#- The values differ, but 15 of them make 75,000. A lead that was not won must not add its own. #}
        cast({{ 4300 + 100 * number if number < 15 else 9999 }} as numeric(18, 2)) as deal_value
    union all
    {% endfor -%}
    select 200, cast('{{ days.unconverted }}' as date), 'Lost', cast(800 as numeric(18, 2))
    union all
    select 201, cast('{{ days.too_old }}' as date), 'Won', cast(800 as numeric(18, 2))

),

actual as (

    {{ commercial_kpis(calendar='calendar', leads='leads', as_of="cast('2025-03-31' as date)") }}

),

expected as (

    select cast('{{ days.full }}' as date) as date_key, 100 as total_leads, 15 as converted_leads, 75000.0 as total_revenue, 15.0 as conversion_rate, 5000.0 as avg_deal_value
    union all
    select cast('{{ days.unconverted }}' as date), 1, 0, 0.0, 0.0, 0.0
    union all
    select cast('{{ days.empty }}' as date), 0, 0, 0.0, 0.0, 0.0
    union all
    select cast('{{ days.oldest }}' as date), 0, 0, 0.0, 0.0, 0.0

)

select
    coalesce(expected.date_key, actual.date_key) as date_key,
    expected.conversion_rate as expected_conversion_rate,
    actual.conversion_rate,
    expected.avg_deal_value as expected_avg_deal_value,
    actual.avg_deal_value
from expected
full outer join actual
    on actual.date_key = expected.date_key
    and actual.total_leads = expected.total_leads
    and actual.converted_leads = expected.converted_leads
    and actual.total_revenue = expected.total_revenue
    and actual.conversion_rate = expected.conversion_rate
    and actual.avg_deal_value = expected.avg_deal_value
    and actual.updated_at is not null
where expected.date_key is null
    or actual.date_key is null
