{% materialization test, adapter='snowflake' %}
  {%- set tag = set_query_tag() -%}
  {%- set relations = materialization_test_default() -%}
  {%- do unset_query_tag(tag) -%}
  {%- do return(relations) -%}
{% endmaterialization %}
