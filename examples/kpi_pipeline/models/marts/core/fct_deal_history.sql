{{ config(materialized='view', group='commercial') }}

select
    deal_id,
    lead_id,
    stage_name,
    deal_status,
    amount,
    {{ follow_calendar('dbt_valid_from') }} as valid_from,
    {{ follow_calendar('dbt_valid_to') }} as valid_to,
    dbt_valid_to is null as is_current
from {{ ref('snap_ploomes__deals') }}
