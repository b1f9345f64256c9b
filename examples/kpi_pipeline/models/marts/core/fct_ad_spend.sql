select
    {{ follow_calendar('campaign_days.spend_date', 'date') }} as date_key,
    channels.channel_key,
    campaign_days.campaign_id,
    campaign_days.campaign_name,
    campaign_days.spend,
    campaign_days.impressions,
    campaign_days.clicks
from {{ ref('int_ads__campaign_days') }} as campaign_days
inner join {{ ref('dim_channel') }} as channels
    on channels.ad_platform = campaign_days.ad_platform
