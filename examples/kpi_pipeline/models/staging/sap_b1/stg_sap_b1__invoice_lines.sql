select
    cast(DocEntry as integer) as invoice_id,
    cast(LineNum as integer) as line_number,
    ItemCode as item_code,
    cast(Quantity as integer) as quantity,
    cast(Price as numeric(18, 2)) as unit_price,
    cast(LineTotal as numeric(18, 2)) as line_amount
from {{ source('sap_b1', 'INV1') }}
