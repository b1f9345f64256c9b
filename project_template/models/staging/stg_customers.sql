select
    customer_id,
    customer_name,
    state as state_code
from {{ ref('raw_customers') }}
