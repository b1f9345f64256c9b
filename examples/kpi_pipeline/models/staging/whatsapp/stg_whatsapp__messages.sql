with messages as (

    select
        {{ json_text('export.json', 'conversation_id') }} as conversation_id,
        {{ json_text('message.value', 'id') }} as message_id,
        {{ json_text('message.value', 'direction') }} as direction,
        coalesce({{ json_text('message.value', 'author') }}, 'contact') as author,
        {{ json_text('message.value', 'type') }} as message_type,
        {{ unix_time(json_text('message.value', 'timestamp')) }} as sent_at
    from {{ source('whatsapp', 'conversations') }} as export {{ json_each('export.json', 'messages', 'message') }}

)

-- A webhook that was delivered twice brings the same message twice.
select distinct *
from messages
