-- When do leads come? `kpi show --select leads_by_weekday`
select
    {{ dbt.datediff(dbt.date_trunc('week', 'date_key'), 'date_key', 'day') }} as days_after_monday,
    count(*) as leads,
    {{ percent("count(case when lead_status = 'Won' then 1 end)", 'count(*)') }} as conversion_rate
from {{ ref('fct_leads') }}
group by 1
order by 1
