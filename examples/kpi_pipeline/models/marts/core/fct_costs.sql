select
    {{ follow_calendar('posted_on', 'date') }} as date_key,
    account,
    cost_class,
    profit_centre,
    cost_amount
from {{ ref('int_costs__by_day') }}
