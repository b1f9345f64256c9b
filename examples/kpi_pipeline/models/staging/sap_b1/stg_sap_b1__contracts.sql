select
    cast(ContractID as integer) as contract_id,
    CstmrCode as customer_code,
    U_Plan as plan_name,
    cast(U_MRR as numeric(18, 2)) as monthly_value,
    {{ sap_date('StartDate') }} as started_on,
    {{ sap_date(clean_text('TermDate')) }} as ended_on
from {{ source('sap_b1', 'OCTR') }}
