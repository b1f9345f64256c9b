-- A lead counts with its best deal: one that was won, else one still open, else one that was lost.
with best_deals as (

    select *
    from {{ ref('stg_ploomes__deals') }}
    qualify row_number() over (
        partition by lead_id
        order by
            case deal_status when 'Won' then 1 when 'Open' then 2 else 3 end,
            updated_at desc,
            deal_id
    ) = 1

)

select
    leads.lead_id,
    leads.contact_id,
    leads.company_name,
    leads.origin_id,
    leads.owner_id,
    coalesce(deals.deal_status, leads.lead_status) as lead_status,
    deals.deal_id,
    deals.plan_name,
    deals.amount as deal_value,
    leads.created_at,
    case when deals.deal_status in ('Won', 'Lost') then deals.finished_at end as closed_at
from {{ ref('stg_ploomes__leads') }} as leads
left join best_deals as deals
    on deals.lead_id = leads.lead_id
