-- A test is a query that finds what is wrong: it passes when it returns no row.
with orders as (

    select sum(amount) as revenue
    from {{ ref('stg_orders') }}
    where order_status = 'paid'

),

kpis as (

    select sum(revenue) as revenue
    from {{ ref('fct_kpis_daily') }}

)

select
    orders.revenue as order_revenue,
    kpis.revenue as kpi_revenue
from orders
cross join kpis
where orders.revenue <> kpis.revenue
