with export as (

    select
        cast({{ json_text('json', 'Id') }} as bigint) as deal_id,
        cast({{ json_text('json', 'LeadId') }} as bigint) as lead_id,
        {{ clean_text(json_text('json', 'Title')) }} as title,
        {{ dbt.safe_cast(json_text('json', 'Amount'), 'numeric(18, 2)') }} as amount,
        cast({{ json_text('json', 'Owner.Id') }} as integer) as owner_id,
        {{ clean_text(json_text('json', 'Stage.Name')) }} as stage_name,
        lower(trim({{ json_text('json', 'Status.Name') }})) as source_status,
        {{ ploomes_time(json_text('json', 'CreateDate')) }} as created_at,
        {{ ploomes_time(json_text('json', 'FinishDate')) }} as finished_at,
        {{ ploomes_time(json_text('json', 'LastUpdateDate')) }} as updated_at,
        {{ ploomes_time(json_text('json', '_extracted_at')) }} as extracted_at,
        {{ json_text('json', 'Deleted') }} = 'true' as is_deleted,
        json
    from {{ source('ploomes', 'deals') }}

),

latest as (

    select *
    from export
    qualify row_number() over (partition by deal_id order by updated_at desc, extracted_at desc) = 1

),

-- OtherProperties is a list of key and value: one row each, then one column for each key that matters.
properties as (

    select
        latest.deal_id,
        max(case when {{ json_text('property.value', 'FieldKey') }} = 'deal_plano'
            then {{ json_text('property.value', 'StringValue') }} end) as plan_name,
        max(case when {{ json_text('property.value', 'FieldKey') }} = 'deal_mensalidade'
            then {{ dbt.safe_cast(json_text('property.value', 'DecimalValue'), 'numeric(18, 2)') }} end) as monthly_value
    from latest {{ json_each('latest.json', 'OtherProperties', 'property') }}
    group by latest.deal_id

)

select
    latest.deal_id,
    latest.lead_id,
    latest.title,
    latest.amount,
    properties.plan_name,
    properties.monthly_value,
    latest.owner_id,
    latest.stage_name,
    statuses.lead_status as deal_status,
    latest.created_at,
    latest.finished_at,
    latest.updated_at,
    latest.extracted_at
from latest
left join properties
    on properties.deal_id = latest.deal_id
left join {{ ref('ploomes_statuses') }} as statuses
    on statuses.source_status = latest.source_status
where not latest.is_deleted
