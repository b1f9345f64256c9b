{#- Fails with each day of the KPI window that the model has no row for. -#}
{% test every_day_of_window(model, date_column='date_key') %}

select dates.date_key
from {{ ref('dim_date') }} as dates
left join {{ model }} as model
    on model.{{ date_column }} = dates.date_key
where {{ in_kpi_window('dates.date_key') }}
    and model.{{ date_column }} is null

{% endtest %}
