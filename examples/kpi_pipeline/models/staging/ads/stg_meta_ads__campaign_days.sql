select
    'meta' as ad_platform,
    "Identificação da campanha" as campaign_id,
    "Nome da campanha" as campaign_name,
    {{ brazilian_date('"Dia"') }} as spend_date,
    {{ brazilian_number('"Valor usado (BRL)"') }} as spend,
    {{ brazilian_number('"Impressões"', 'integer') }} as impressions,
    {{ brazilian_number('"Cliques no link"', 'integer') }} as clicks
from {{ source('ads', 'meta_campaign_days') }}
