{{ config(materialized='table', unique_key='date_key', cluster_by=['date_key'], tags=['kpi','commercial']) }}

{{ commercial_kpis(calendar=ref('dim_date'), leads=ref('fct_leads')) }}
