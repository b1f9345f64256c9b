{#- A table is built beside the old one and takes its name inside one transaction. -#}

{% materialization table, adapter="duckdb", supported_languages=['sql', 'python'] %}
  {%- set language = model['language'] -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type='table') -%}
  {%- set staged = make_intermediate_relation(new) -%}
  {%- set backup = make_backup_relation(new, 'table' if old is none else old.type) -%}
  {%- set late_metadata = adapter.use_ducklake_table_workarounds(new) -%}
  {%- set in_place = has_foreign_key_constraints(old) -%}
  {%- do kpi_drop_leftovers([staged, backup]) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {#- The first statement with auto_begin opens the transaction. -#}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- set partitioned_by = duckdb__get_partitioned_by(new, false) -%}
  {%- set sorted_by = duckdb__get_sorted_by(new, false) -%}

  {%- set kept_code = kpi_separate(compiled_code) -%}
  {%- do kpi_fill_quarantine() -%}

  {%- set dependents = [] -%}
  {%- if in_place and old is not none -%}
    {%- set dependents = drop_relation_for_rebuild(old) -%}
  {%- endif -%}
  {%- call statement('main', language=language) -%}
    {{- create_table_as(False, new if in_place else staged, kept_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by) -}}
  {%- endcall -%}
  {%- if not in_place -%}
    {%- if old is not none -%}
      {#- DuckDB renames no table that an index or a foreign key hangs on. -#}
      {%- if old.is_table -%}
        {%- do drop_indexes_on_relation(old) -%}
        {%- if may_be_foreign_key_target(old) -%}
          {%- set dependents = drop_foreign_key_dependents(old) -%}
        {%- endif -%}
      {%- endif -%}
      {%- do adapter.rename_relation(old, backup) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(staged, new) -%}
  {%- endif -%}
  {%- do restore_foreign_key_dependents(dependents) -%}
  {%- do create_indexes(new) -%}

  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do apply_grants(new, config.get('grants'), should_revoke=should_revoke(old, full_refresh_mode=True)) -%}
  {%- if not late_metadata -%}
    {%- do persist_docs(new, model) -%}
  {%- endif -%}
  {%- do adapter.commit() -%}

  {%- if late_metadata -%}
    {#- Old DuckLake versions lose what was altered before a rename in the same transaction. -#}
    {%- if partitioned_by -%}
      {%- call statement('reassert_partitioned_by', auto_begin=False) -%} {{ duckdb__alter_table_set_partitioned_by(new, partitioned_by) }} {%- endcall -%}
    {%- endif -%}
    {%- if sorted_by -%}
      {%- call statement('reassert_sorted_by', auto_begin=False) -%} {{ duckdb__alter_table_set_sorted_by(new, sorted_by) }} {%- endcall -%}
    {%- endif -%}
    {%- do persist_docs(new, model) -%}
  {%- endif -%}

  {#- Only now is the old data not needed any more. -#}
  {%- do drop_relation_if_exists(backup) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}
