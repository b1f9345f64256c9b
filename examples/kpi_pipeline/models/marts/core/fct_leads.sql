{{ config(group='commercial') }}

with leads as (

    select
        *,
        {{ follow_calendar('created_at') }} as lead_created_at,
        {{ follow_calendar('closed_at') }} as lead_closed_at
    from {{ ref('int_leads__with_deals') }}

)

select
    lead_id,
    deal_id,
    cast(lead_created_at as date) as date_key,
    cast(lead_closed_at as date) as closed_date_key,
    origin_id as channel_key,
    owner_id as sales_rep_key,
    lead_status,
    plan_name,
    case when lead_status = 'Won' then deal_value else cast(0 as numeric(18, 2)) end as deal_value,
    case when lead_status = 'Open' then coalesce(deal_value, 0) else cast(0 as numeric(18, 2)) end as pipeline_value,
    {{ dbt.datediff('lead_created_at', 'lead_closed_at', 'day') }} as days_to_close,
    lead_created_at as created_at,
    lead_closed_at as closed_at
from leads
