select
    contract_id,
    customer_code as customer_key,
    plan_name,
    monthly_value,
    {{ follow_calendar('started_on', 'date') }} as start_date_key,
    {{ follow_calendar('ended_on', 'date') }} as end_date_key
from {{ ref('stg_sap_b1__contracts') }}
