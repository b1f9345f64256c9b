-- What SAP says an invoice is worth, less its tax, is the sum of its lines.
select
    invoice_id,
    total_amount - tax_amount as header_amount,
    net_amount
from {{ ref('int_invoices__with_lines') }}
where abs(total_amount - tax_amount - net_amount) > 0.01
