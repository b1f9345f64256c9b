with export as (

    select
        cast(DocEntry as integer) as invoice_id,
        cast(DocNum as integer) as invoice_number,
        CardCode as customer_code,
        {{ sap_date('DocDate') }} as issued_on,
        {{ sap_date('DocDueDate') }} as due_on,
        cast(DocTotal as numeric(18, 2)) as total_amount,
        cast(VatSum as numeric(18, 2)) as tax_amount,
        cast(PaidToDate as numeric(18, 2)) as paid_amount,
        DocCur as currency_code,
        case CANCELED when 'Y' then 'Cancelled' when 'C' then 'Cancellation' else 'Valid' end as document_state,
        {{ sap_time('UpdateDate', 'UpdateTS') }} as updated_at
    from {{ source('sap_b1', 'OINV') }}

)

-- The dump holds an invoice once for each state it was in when a dump was taken.
select *
from export
qualify row_number() over (partition by invoice_id order by updated_at desc) = 1
