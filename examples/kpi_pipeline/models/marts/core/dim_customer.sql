select
    customers.customer_code as customer_key,
    customers.customer_name,
    customers.segment,
    customers.state_code,
    customers.payment_days,
    customers.is_active,
    leads.lead_id,
    leads.origin_id as channel_key
from {{ ref('snap_sap_b1__customers') }} as customers
left join {{ ref('stg_ploomes__leads') }} as leads
    on leads.contact_id = customers.ploomes_contact_id
where customers.dbt_valid_to is null
