{% materialization view, default %}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type='view') -%}
  {%- set staged = make_intermediate_relation(new) -%}
  {#- What is moved aside keeps its own type: it may have been a table. -#}
  {%- set backup = make_backup_relation(new, 'view' if old is none else old.type) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do kpi_drop_leftovers([staged, backup]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {%- call statement('main') -%}
    {{ get_create_view_as_sql(staged, sql) }}
  {%- endcall -%}
  {%- do kpi_swap_in(old, staged, new, backup) -%}

  {%- do kpi_grant_and_document(new, old) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}

  {%- do drop_relation_if_exists(backup) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}
