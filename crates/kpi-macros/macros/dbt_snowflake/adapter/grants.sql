{#- Grants in Snowflake: one grantee each, and copied to a replaced object where the model asks for it. -#}

{%- macro snowflake__copy_grants() -%}
  {%- do return(config.get('copy_grants', False)) -%}
{%- endmacro -%}

{%- macro snowflake__support_multiple_grantees_per_dcl_statement() -%}
  {%- do return(False) -%}
{%- endmacro -%}
