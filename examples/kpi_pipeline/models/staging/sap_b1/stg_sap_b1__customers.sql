select
    CardCode as customer_code,
    {{ clean_text('CardName') }} as customer_name,
    case GroupName when 'Pequeno' then 'Small' when 'Médio' then 'Medium' when 'Grande' then 'Large' end as segment,
    Country as country_code,
    State1 as state_code,
    cast(ExtraDays as integer) as payment_days,
    cast({{ clean_text('U_PloomesContactId') }} as bigint) as ploomes_contact_id,
    validFor = 'Y' as is_active
from {{ source('sap_b1', 'OCRD') }}
