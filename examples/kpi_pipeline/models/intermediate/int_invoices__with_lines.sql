{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='invoice_id',
        on_schema_change='append_new_columns'
    )
}}

with changed as (

    select *
    from {{ ref('stg_sap_b1__invoices') }}
    {% if is_incremental() -%}
    -- A dump may bring a row days after it changed, hence the days of grace.
    where updated_at >= (
        select {{ dbt.dateadd('day', -var('restatement_days'), 'max(updated_at)') }} from {{ this }}
    )
    {%- endif %}

),

lines as (

    select
        lines.invoice_id,
        sum(lines.line_amount) as net_amount,
        {% for item_group in ['Subscription', 'Setup', 'Usage'] -%}
        sum(case when items.item_group = '{{ item_group }}' then lines.line_amount else 0 end) as {{ item_group | lower }}_amount
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ ref('stg_sap_b1__invoice_lines') }} as lines
    inner join {{ ref('sap_items') }} as items
        on items.item_code = lines.item_code
    group by lines.invoice_id

)

select
    changed.invoice_id,
    changed.invoice_number,
    changed.customer_code,
    changed.document_state,
    changed.issued_on,
    changed.due_on,
    cast(lines.net_amount as numeric(18, 2)) as net_amount,
    cast(lines.subscription_amount as numeric(18, 2)) as subscription_amount,
    cast(lines.setup_amount as numeric(18, 2)) as setup_amount,
    cast(lines.usage_amount as numeric(18, 2)) as usage_amount,
    changed.tax_amount,
    changed.total_amount,
    changed.paid_amount,
    changed.updated_at
from changed
left join lines
    on lines.invoice_id = changed.invoice_id
