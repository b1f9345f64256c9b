select
    order_id,
    customer_id,
    ordered_on,
    status as order_status,
    {{ cents_to_amount('amount_cents') }} as amount,
    '{{ var("reporting_currency") }}' as currency_code
from {{ ref('raw_orders') }}
