-- What all contracts that run on a day bring in a month.
select
    dates.date_key,
    count(contracts.contract_id) as active_contracts,
    cast(coalesce(sum(contracts.monthly_value), 0) as numeric(18, 2)) as mrr,
    cast(coalesce(sum(case when contracts.start_date_key = dates.date_key then contracts.monthly_value end), 0) as numeric(18, 2)) as new_mrr,
    cast(coalesce(sum(case when contracts.end_date_key = dates.date_key then contracts.monthly_value end), 0) as numeric(18, 2)) as churned_mrr
from {{ ref('dim_date') }} as dates
left join {{ ref('fct_contracts') }} as contracts
    on contracts.start_date_key <= dates.date_key
    and (contracts.end_date_key is null or contracts.end_date_key >= dates.date_key)
group by dates.date_key
