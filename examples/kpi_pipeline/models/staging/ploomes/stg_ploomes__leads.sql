with export as (

    select
        cast({{ json_text('json', 'Id') }} as bigint) as lead_id,
        cast({{ json_text('json', 'Contact.Id') }} as bigint) as contact_id,
        {{ clean_text(json_text('json', 'Contact.Name')) }} as contact_name,
        {{ clean_text(json_text('json', 'Contact.Company')) }} as company_name,
        cast({{ json_text('json', 'Origin.Id') }} as integer) as origin_id,
        cast({{ json_text('json', 'Owner.Id') }} as integer) as owner_id,
        {{ clean_text(json_text('json', 'Owner.Name')) }} as owner_name,
        lower(trim({{ json_text('json', 'Status.Name') }})) as source_status,
        {{ ploomes_time(json_text('json', 'CreateDate')) }} as created_at,
        {{ ploomes_time(json_text('json', 'LastUpdateDate')) }} as updated_at,
        {{ ploomes_time(json_text('json', '_extracted_at')) }} as extracted_at,
        {{ json_text('json', 'Deleted') }} = 'true' as is_deleted
    from {{ source('ploomes', 'leads') }}

),

latest as (

    select *
    from export
    qualify row_number() over (partition by lead_id order by updated_at desc, extracted_at desc) = 1

)

select
    latest.lead_id,
    latest.contact_id,
    latest.contact_name,
    latest.company_name,
    latest.origin_id,
    latest.owner_id,
    latest.owner_name,
    statuses.lead_status,
    latest.created_at,
    latest.updated_at,
    latest.extracted_at
from latest
left join {{ ref('ploomes_statuses') }} as statuses
    on statuses.source_status = latest.source_status
where not latest.is_deleted
