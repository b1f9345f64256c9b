{% materialization snapshot, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set relations = materialization_snapshot_default() -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return(relations) -%}
{% endmaterialization %}

{%- macro snowflake__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- do return(kpi_snowflake_transaction(default__snapshot_merge_sql(target, source, insert_cols), target)) -%}
{%- endmacro -%}

{#- A transient table's history would be lost with the table. -#}
{%- macro snowflake__post_snapshot(staging_relation) -%}
  {%- do drop_relation_if_exists(staging_relation) -%}
{%- endmacro -%}
