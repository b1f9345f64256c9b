{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['ad_platform', 'campaign_id', 'spend_date']
    )
}}

with both_platforms as (

    {% for platform in ['google', 'meta'] %}
    select ad_platform, campaign_id, campaign_name, spend_date, spend, impressions, clicks
    from {{ ref('stg_' ~ platform ~ '_ads__campaign_days') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select *
from both_platforms
{% if is_incremental() %}
where spend_date >= (
    select {{ dbt.dateadd('day', -var('restatement_days'), 'max(spend_date)') }} from {{ this }}
)
{% endif %}
