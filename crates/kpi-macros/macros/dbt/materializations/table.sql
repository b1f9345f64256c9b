{% materialization table, default %}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type='table') -%}
  {%- set staged = make_intermediate_relation(new) -%}
  {%- set backup = make_backup_relation(new, 'table' if old is none else old.type) -%}
  {%- do kpi_drop_leftovers([staged, backup]) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {#- The first statement with auto_begin opens the transaction. -#}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {%- set kept_code = kpi_separate(sql) -%}
  {%- do kpi_fill_quarantine() -%}
  {%- call statement('main') -%}
    {{ get_create_table_as_sql(False, staged, kept_code) }}
  {%- endcall -%}
  {%- do create_indexes(staged) -%}
  {%- do kpi_swap_in(old, staged, new, backup) -%}

  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do kpi_grant_and_document(new, old) -%}
  {%- do adapter.commit() -%}

  {#- Only now is the old data not needed any more. -#}
  {%- do drop_relation_if_exists(backup) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}
