{#- Rows that break an expectation with `on_failure: quarantine` leave the model's table for `<model>__quarantine`. -#}

{#- The query of the rows that stay: the model's own where none may leave. To be called when the hooks in front ran. -#}
{%- macro kpi_separate(compiled_code) -%}
  {%- do return(kpi_set_aside(compiled_code)) -%}
{%- endmacro -%}

{#- Fills the quarantine, inside the transaction that brings in the table. `adds`: what it holds stays there. -#}
{%- macro kpi_fill_quarantine(adds=false) -%}
  {%- for statement_sql in kpi_quarantine_statements(adds) -%}
    {%- call statement('quarantine', auto_begin=true) -%} {{- statement_sql -}} {%- endcall -%}
  {%- endfor -%}
{%- endmacro -%}
