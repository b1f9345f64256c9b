{#- What was published for each day, and when first. The marts forget what leaves their window; this does not. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['date_key', 'kpi_name'],
        merge_exclude_columns=['first_published_at'],
        tags=['kpi']
    )
}}

{% set published = {
    'fct_kpis_commercial': ['total_leads', 'converted_leads', 'total_revenue', 'conversion_rate', 'avg_deal_value'],
    'fct_kpis_operational': ['conversations', 'sla_whatsapp', 'avg_first_response_minutes'],
    'fct_kpis_financial': ['mrr', 'invoiced_revenue', 'total_costs', 'operating_result'],
} %}

with kpis as (

    {% for mart, columns in published.items() %}
    {%- set outer_last = loop.last %}
    {%- for column in columns %}
    select date_key, '{{ column }}' as kpi_name, cast({{ column }} as numeric(18, 2)) as kpi_value, updated_at
    from {{ ref(mart) }}
    {% if not (outer_last and loop.last) %}union all{% endif %}
    {% endfor %}
    {%- endfor %}

)

select
    date_key,
    kpi_name,
    kpi_value,
    updated_at as first_published_at,
    updated_at as last_published_at
from kpis
where kpi_value is not null
