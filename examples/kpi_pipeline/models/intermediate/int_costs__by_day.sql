-- Only expense accounts are in the seed, so the counterpart line of each posting falls away here.
-- A reversal is a credit: it lowers the cost of its day.
select
    lines.posted_on,
    lines.account,
    accounts.cost_class,
    coalesce(lines.profit_centre, 'NONE') as profit_centre,
    cast(sum(lines.debit_amount - lines.credit_amount) as numeric(18, 2)) as cost_amount
from {{ ref('stg_sap_b1__journal_lines') }} as lines
inner join {{ ref('sap_accounts') }} as accounts
    on accounts.account = lines.account
group by lines.posted_on, lines.account, accounts.cost_class, coalesce(lines.profit_centre, 'NONE')
