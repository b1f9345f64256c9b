-- Nothing is lost or counted twice between the leads and the mart.
{{ config(tags=['kpi'], store_failures=true) }}

with mart as (

    select sum(total_leads) as leads, sum(total_revenue) as revenue
    from {{ ref('fct_kpis_commercial') }}

),

facts as (

    select count(*) as leads, sum(deal_value) as revenue
    from {{ ref('fct_leads') }}
    where {{ in_kpi_window('date_key') }}

)

select
    mart.leads as mart_leads,
    facts.leads as fact_leads,
    mart.revenue as mart_revenue,
    facts.revenue as fact_revenue
from mart
cross join facts
where mart.leads <> facts.leads
    or mart.revenue <> facts.revenue
