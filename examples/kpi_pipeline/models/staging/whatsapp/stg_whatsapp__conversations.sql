with export as (

    select
        {{ json_text('json', 'conversation_id') }} as conversation_id,
        {{ json_text('json', 'contact.wa_id') }} as whatsapp_number,
        cast({{ json_text('json', 'agent.id') }} as integer) as team_id,
        {{ json_text('json', 'agent.team') }} as team_name,
        {{ json_text('json', 'deleted_at') }} is not null as is_deleted,
        {{ ploomes_time(json_text('json', '_extracted_at')) }} as extracted_at
    from {{ source('whatsapp', 'conversations') }}

)

select
    conversation_id,
    whatsapp_number,
    team_id,
    team_name,
    extracted_at
from export
where not is_deleted
