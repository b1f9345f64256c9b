-- The name as last seen: people change theirs.
select
    owner_id as sales_rep_key,
    owner_name as sales_rep_name
from {{ ref('stg_ploomes__leads') }}
qualify row_number() over (partition by owner_id order by updated_at desc, lead_id desc) = 1
