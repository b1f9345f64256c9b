-- The totals of the window that ends on the day of the exports, against the books that the exports were made
-- from (`python3 raw/generate.py --truth`). Asked for by pinning today:
--     kpi build --vars 'kpi_today: 2025-06-30'
{{ config(enabled=(var('kpi_today', none) | string == '2025-06-30')) }}

with actual as (

    select 'total_leads' as kpi, sum(total_leads) as kpi_value from {{ ref('fct_kpis_commercial') }}
    union all
    select 'converted_leads', sum(converted_leads) from {{ ref('fct_kpis_commercial') }}
    union all
    select 'total_revenue', sum(total_revenue) from {{ ref('fct_kpis_commercial') }}
    union all
    select 'conversations', sum(conversations) from {{ ref('fct_kpis_operational') }}
    union all
    select 'within_sla', sum(conversations_within_sla) from {{ ref('fct_kpis_operational') }}
    union all
    select 'invoiced_revenue', sum(invoiced_revenue) from {{ ref('fct_kpis_financial') }}
    union all
    select 'costs', sum(total_costs - ad_spend) from {{ ref('fct_kpis_financial') }}
    union all
    select 'ad_spend', sum(ad_spend) from {{ ref('fct_kpis_financial') }}
    union all
    select 'mrr_on_last_day', max(mrr) from {{ ref('fct_kpis_financial') }} where date_key = {{ kpi_today() }}

),

expected as (

    {% set totals = {
        'total_leads': 359, 'converted_leads': 56, 'total_revenue': 255960.0, 'conversations': 260, 'within_sla': 208,
        'invoiced_revenue': 480679.5, 'costs': 316528.58, 'ad_spend': 68274.59, 'mrr_on_last_day': 176798.0,
    } -%}
    {% for kpi, value in totals.items() -%}
    select '{{ kpi }}' as kpi, {{ value }} as kpi_value
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    expected.kpi,
    expected.kpi_value as expected_value,
    actual.kpi_value as actual_value
from expected
left join actual
    on actual.kpi = expected.kpi
where actual.kpi_value is null
    or actual.kpi_value <> expected.kpi_value
