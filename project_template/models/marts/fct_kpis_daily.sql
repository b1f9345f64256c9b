{{ config(tags=['kpi']) }}

with per_day as (

    select
        orders.ordered_on as date_key,
        count(*) as total_orders,
        count(case when orders.order_status = 'paid' then 1 end) as paid_orders,
        count(distinct customers.state_code) as states,
        coalesce(sum(case when orders.order_status = 'paid' then orders.amount end), 0) as revenue
    from {{ ref('stg_orders') }} as orders
    inner join {{ ref('stg_customers') }} as customers
        on customers.customer_id = orders.customer_id
    group by orders.ordered_on

)

select
    date_key,
    total_orders,
    paid_orders,
    states,
    cast(revenue as numeric(18, 2)) as revenue,
    cast(round(100.0 * paid_orders / total_orders, 2) as numeric(18, 2)) as paid_rate,
    cast(coalesce(round(revenue / nullif(paid_orders, 0), 2), 0) as numeric(18, 2)) as avg_order_value
from per_day
