{{ config(materialized='table', unique_key='date_key', cluster_by=['date_key'], tags=['kpi', 'financial']) }}

{% set cost_classes = ['Cost of service', 'Sales', 'Marketing', 'Administration'] %}

with invoices as (

    select
        date_key,
        sum(net_amount) as invoiced_revenue,
        sum(case when is_overdue then open_amount else 0 end) as overdue_amount
    from {{ ref('fct_invoices') }}
    group by date_key

),

costs as (

    select
        date_key,
        {%- for cost_class in cost_classes %}
        sum(case when cost_class = '{{ cost_class }}' then cost_amount else 0 end) as {{ cost_class | lower | replace(' ', '_') }}_costs,
        {%- endfor %}
        sum(cost_amount) as booked_costs
    from {{ ref('fct_costs') }}
    group by date_key

),

ad_spend as (

    select
        date_key,
        sum(spend) as ad_spend
    from {{ ref('fct_ad_spend') }}
    group by date_key

),

per_day as (

    select
        mrr.date_key,
        mrr.active_contracts,
        mrr.mrr,
        mrr.new_mrr,
        mrr.churned_mrr,
        coalesce(invoices.invoiced_revenue, 0) as invoiced_revenue,
        coalesce(invoices.overdue_amount, 0) as overdue_amount,
        {%- for cost_class in cost_classes %}
        {%- set column = (cost_class | lower | replace(' ', '_')) ~ '_costs' %}
        coalesce(costs.{{ column }}, 0) as {{ column }},
        {%- endfor %}
        coalesce(ad_spend.ad_spend, 0) as ad_spend,
        coalesce(costs.booked_costs, 0) + coalesce(ad_spend.ad_spend, 0) as total_costs
    from {{ ref('fct_mrr_daily') }} as mrr
    left join invoices
        on invoices.date_key = mrr.date_key
    left join costs
        on costs.date_key = mrr.date_key
    left join ad_spend
        on ad_spend.date_key = mrr.date_key
    where {{ in_kpi_window('mrr.date_key') }}

)

select
    date_key,
    active_contracts,
    mrr,
    new_mrr,
    churned_mrr,
    {%- for column in ['invoiced_revenue', 'overdue_amount', 'cost_of_service_costs', 'sales_costs', 'marketing_costs', 'administration_costs', 'ad_spend', 'total_costs'] %}
    cast({{ column }} as numeric(18, 2)) as {{ column }},
    {%- endfor %}
    cast(invoiced_revenue - total_costs as numeric(18, 2)) as operating_result,
    {{ percent('(invoiced_revenue - cost_of_service_costs)', 'invoiced_revenue', otherwise='null') }} as gross_margin,
    cast({{ dbt.current_timestamp() }} as timestamp) as updated_at
from per_day
