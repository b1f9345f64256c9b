{#- What a model may set for its own statements only, and what is put back afterwards. -#}

{%- macro set_query_tag() -%}
  {%- do return(adapter.dispatch('set_query_tag', 'dbt')()) -%}
{%- endmacro -%}

{#- Returns the tag to go back to, or none where the model has no tag of its own. -#}
{%- macro snowflake__set_query_tag() -%}
  {%- set tag = config.get('query_tag') -%}
  {%- if not tag -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set before = get_current_query_tag() -%}
  {%- do log("Query tag is '" ~ tag ~ "' for this node, then '" ~ before ~ "' again") -%}
  {%- do run_query('alter session set query_tag = ' ~ kpi_snowflake_text(tag)) -%}
  {%- do return(before) -%}
{%- endmacro -%}

{%- macro get_current_query_tag() -%}
  {%- do return(run_query("show parameters like 'query_tag' in session").rows[0]['value']) -%}
{%- endmacro -%}

{%- macro unset_query_tag(original_query_tag) -%}
  {%- do return(adapter.dispatch('unset_query_tag', 'dbt')(original_query_tag)) -%}
{%- endmacro -%}

{%- macro snowflake__unset_query_tag(original_query_tag) -%}
  {%- if config.get('query_tag') -%}
    {%- if original_query_tag -%}
      {%- do run_query('alter session set query_tag = ' ~ kpi_snowflake_text(original_query_tag)) -%}
    {%- else -%}
      {%- do run_query('alter session unset query_tag') -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{#- A text in quotes: a backslash escapes in Snowflake's texts. -#}
{%- macro kpi_snowflake_text(text) -%}
  {%- do return("'" ~ (text | string | replace('\\', '\\\\') | replace("'", "''")) ~ "'") -%}
{%- endmacro -%}

{#- As one transaction, but for linked databases, which have none. -#}
{%- macro kpi_snowflake_transaction(dml, relation=none) -%}
  {%- if snowflake__is_catalog_linked_database(relation=relation or config.model) -%}
    {%- do return(dml) -%}
  {%- endif -%}
  {%- do return(snowflake_dml_explicit_transaction(dml)) -%}
{%- endmacro -%}

{#- Statements that change rows commit each by themselves, unless they are one transaction. -#}
{%- macro snowflake_dml_explicit_transaction(dml) -%}
  {%- do return('begin;\n' ~ dml ~ ';\ncommit;') -%}
{%- endmacro -%}
