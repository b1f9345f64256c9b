{#- Seeds in DuckDB. The rows go in natively: nothing of a CSV file passes through Jinja. -#}

{#- Returns the SQL that loaded the rows, to be shown in target/run. -#}
{%- macro duckdb__load_csv_rows(model, agate_table) -%}
  {%- do return(adapter.load_seed_rows(this, agate_table, model['config'])) -%}
{%- endmacro -%}

{%- macro duckdb__get_binding_char() -%}
  {%- do return(adapter.get_binding_char()) -%}
{%- endmacro -%}

{%- macro duckdb__get_batch_size() -%}
  {%- do return(10000) -%}
{%- endmacro -%}
