select
    'google' as ad_platform,
    campaign_id,
    campaign_name,
    cast(segments_date as date) as spend_date,
    cast(cast(metrics_cost_micros as bigint) / 1000000.0 as numeric(18, 2)) as spend,
    cast(metrics_impressions as integer) as impressions,
    cast(metrics_clicks as integer) as clicks
from {{ source('ads', 'google_campaign_days') }}
-- Of a restated day, the last export counts.
qualify row_number() over (partition by campaign_id, segments_date order by exported_at desc) = 1
