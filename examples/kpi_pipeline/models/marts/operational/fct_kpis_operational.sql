{{ config(materialized='table', unique_key='date_key', cluster_by=['date_key'], tags=['kpi', 'operational']) }}

with per_day as (

    select
        dates.date_key,
        dates.is_business_day,
        count(conversations.conversation_id) as conversations,
        count(case when conversations.is_answered then 1 end) as answered_conversations,
        count(case when conversations.is_within_sla then 1 end) as conversations_within_sla,
        avg(conversations.first_response_minutes) as avg_first_response_minutes,
        median(conversations.first_response_minutes) as median_first_response_minutes
    from {{ ref('dim_date') }} as dates
    left join {{ ref('fct_conversations') }} as conversations
        on conversations.date_key = dates.date_key
    where {{ in_kpi_window('dates.date_key') }}
    group by dates.date_key, dates.is_business_day

)

select
    date_key,
    is_business_day,
    conversations,
    answered_conversations,
    conversations_within_sla,
    {{ percent('conversations_within_sla', 'conversations', otherwise='null') }} as sla_whatsapp,
    {{ percent('answered_conversations', 'conversations', otherwise='null') }} as answer_rate,
    cast(round(avg_first_response_minutes, 2) as numeric(18, 2)) as avg_first_response_minutes,
    cast(round(median_first_response_minutes, 2) as numeric(18, 2)) as median_first_response_minutes,
    cast({{ dbt.current_timestamp() }} as timestamp) as updated_at
from per_day
