{{ config(tags=['kpi', 'commercial']) }}

with leads as (

    select
        channel_key,
        count(*) as total_leads,
        count(case when lead_status = 'Won' then 1 end) as converted_leads,
        sum(deal_value) as total_revenue,
        sum(pipeline_value) as pipeline_value
    from {{ ref('fct_leads') }}
    where {{ in_kpi_window('date_key') }}
    group by channel_key

),

spend as (

    select
        channel_key,
        sum(spend) as ad_spend
    from {{ ref('fct_ad_spend') }}
    where {{ in_kpi_window('date_key') }}
    group by channel_key

)

select
    channels.channel_key,
    channels.channel_name,
    coalesce(leads.total_leads, 0) as total_leads,
    coalesce(leads.converted_leads, 0) as converted_leads,
    cast(coalesce(leads.total_revenue, 0) as numeric(18, 2)) as total_revenue,
    cast(coalesce(leads.pipeline_value, 0) as numeric(18, 2)) as pipeline_value,
    cast(coalesce(spend.ad_spend, 0) as numeric(18, 2)) as ad_spend,
    {{ percent('leads.converted_leads', 'leads.total_leads') }} as conversion_rate,
    {{ ratio('spend.ad_spend', 'leads.total_leads') }} as cost_per_lead,
    {{ ratio('spend.ad_spend', 'leads.converted_leads') }} as acquisition_cost,
    {{ ratio('leads.total_revenue', 'spend.ad_spend', otherwise='null') }} as return_on_ad_spend
from {{ ref('dim_channel') }} as channels
left join leads
    on leads.channel_key = channels.channel_key
left join spend
    on spend.channel_key = channels.channel_key
