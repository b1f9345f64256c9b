select
    origin_id as channel_key,
    origin_name,
    channel as channel_name,
    coalesce(ad_platform, 'none') as ad_platform,
    is_paid
from {{ ref('channels') }}
