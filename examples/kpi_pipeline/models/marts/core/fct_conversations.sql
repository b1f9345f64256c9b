select
    conversation_id,
    {{ follow_calendar('opened_at', 'date') }} as date_key,
    team_id,
    team_name,
    {{ follow_calendar('opened_at') }} as opened_at,
    {{ follow_calendar('answered_at') }} as answered_at,
    first_response_minutes,
    answered_at is not null as is_answered,
    coalesce(first_response_minutes <= {{ var('sla_minutes') }}, false) as is_within_sla
from {{ ref('int_conversations__first_response') }}
