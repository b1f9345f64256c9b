select
    cast(TransId as integer) as journal_id,
    cast(Line_ID as integer) as line_number,
    {{ sap_date('RefDate') }} as posted_on,
    Account as account,
    cast(Debit as numeric(18, 2)) as debit_amount,
    cast(Credit as numeric(18, 2)) as credit_amount,
    {{ clean_text('ProfitCode') }} as profit_centre,
    {{ clean_text('LineMemo') }} as memo
from {{ source('sap_b1', 'JDT1') }}
