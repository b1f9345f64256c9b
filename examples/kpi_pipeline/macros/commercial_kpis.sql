{#- The commercial KPIs, one row for each day of the window, days without a lead included.

    calendar: has date_key, one row a day
    leads:    has lead_id, date_key, lead_status ('Won', 'Lost', 'Open') and deal_value

    The mart and the test of its arithmetic both call this, so what is tested is what is published. -#}
{% macro commercial_kpis(calendar, leads, as_of=none) -%}
select
    date_key,
    total_leads,
    converted_leads,
    total_revenue,
    {{ percent('converted_leads', 'total_leads') }} as conversion_rate,
    {{ ratio('total_revenue', 'converted_leads') }} as avg_deal_value,
    cast({{ dbt.current_timestamp() }} as timestamp) as updated_at
from (
    select
        calendar.date_key,
        count(leads.lead_id) as total_leads,
        count(case when leads.lead_status = 'Won' then leads.lead_id end) as converted_leads,
        cast(coalesce(sum(case when leads.lead_status = 'Won' then leads.deal_value end), 0) as numeric(18, 2)) as total_revenue
    from {{ calendar }} as calendar
    left join {{ leads }} as leads
        on leads.date_key = calendar.date_key
    where {{ in_kpi_window('calendar.date_key', as_of) }}
    group by calendar.date_key
) as per_day
{%- endmacro %}
