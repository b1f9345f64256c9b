select
    invoice_id,
    invoice_number,
    customer_code as customer_key,
    {{ follow_calendar('issued_on', 'date') }} as date_key,
    {{ follow_calendar('due_on', 'date') }} as due_date_key,
    net_amount,
    subscription_amount,
    setup_amount,
    usage_amount,
    tax_amount,
    total_amount,
    paid_amount,
    total_amount - paid_amount as open_amount,
    {{ follow_calendar('due_on', 'date') }} < {{ kpi_today() }} and paid_amount < total_amount as is_overdue
from {{ ref('int_invoices__with_lines') }}
-- A cancelled invoice and the document that cancels it are both void.
where document_state = 'Valid'
