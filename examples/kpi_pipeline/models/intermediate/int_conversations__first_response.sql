with openings as (

    select
        conversation_id,
        min(sent_at) as opened_at
    from {{ ref('stg_whatsapp__messages') }}
    where author = 'contact'
    group by conversation_id

),

answers as (

    select
        openings.conversation_id,
        min(messages.sent_at) as answered_at
    from openings
    inner join {{ ref('stg_whatsapp__messages') }} as messages
        on messages.conversation_id = openings.conversation_id
        and messages.author = 'agent'
        and messages.sent_at >= openings.opened_at
    group by openings.conversation_id

)

select
    conversations.conversation_id,
    conversations.team_id,
    conversations.team_name,
    openings.opened_at,
    answers.answered_at,
    {{ dbt.datediff('openings.opened_at', 'answers.answered_at', 'second') }} / 60.0 as first_response_minutes
from {{ ref('stg_whatsapp__conversations') }} as conversations
inner join openings
    on openings.conversation_id = conversations.conversation_id
left join answers
    on answers.conversation_id = conversations.conversation_id
