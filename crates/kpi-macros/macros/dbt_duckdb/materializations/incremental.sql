{#- New rows are computed into a temporary table, and one transaction brings them in. -#}

{% materialization incremental, adapter="duckdb", supported_languages=['sql', 'python'] %}
  {%- set language = model['language'] -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type='table') -%}
  {%- set staged = make_intermediate_relation(new) -%}
  {%- set backup = make_backup_relation(new, 'table' if old is none else old.type) -%}
  {%- set rebuild = should_full_refresh() or (old is not none and old.is_view) -%}
  {%- set fresh = old is none or rebuild -%}
  {%- set schema_policy = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set partitioned_by = duckdb__get_partitioned_by(new, false) if fresh else none -%}
  {%- set sorted_by = duckdb__get_sorted_by(new, false) if fresh else none -%}
  {%- set begin = not ((partitioned_by or sorted_by) and adapter.is_ducklake(new)) -%}
  {%- do kpi_drop_leftovers([staged, backup]) -%}

  {%- set scratch = duckdb__dispatch_temporary_relation(new, adapter.batch_id_for_model(model)) -%}
  {#- DuckDB forgets a temporary table with its connection; a real one has to be dropped. -#}
  {%- set to_drop = [] if scratch.temporary else [scratch.relation] -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {%- set kept_code = kpi_separate(compiled_code) -%}
  {%- set dependents = [] -%}
  {%- set swap = false -%}
  {%- if fresh -%}
    {%- if old is none -%}
      {%- set built = new -%}
    {%- elif has_foreign_key_constraints(old) -%}
      {%- set dependents = drop_relation_for_rebuild(old) -%}
      {%- set built = new -%}
    {%- else -%}
      {%- set built = staged -%}
      {%- set swap = true -%}
    {%- endif -%}
    {%- set main_language = language -%}
    {%- set build_sql = create_table_as(False, built, kept_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by) -%}
  {%- else -%}
    {%- set main_language = 'sql' -%}
    {%- set increment = scratch.relation -%}
    {%- set increment_code = create_table_as(scratch.temporary, increment, kept_code, language, partitioned_by=none, sorted_by=none) -%}
    {%- if language == 'sql' -%}
      {%- do run_query(increment_code) -%}
    {%- else -%}
      {%- call statement('pre', language=language) -%} {{- increment_code -}} {%- endcall -%}
    {%- endif -%}
    {#- The new columns and the new rows are one transaction: a run that fails leaves the table as it was. -#}
    {%- call statement('begin', auto_begin=true) -%} select 1 {%- endcall -%}
    {%- do adapter.expand_target_column_types(from_relation=increment, to_relation=new) -%}
    {%- set columns = process_schema_changes(schema_policy, increment, old)
        or adapter.get_columns_in_relation(old) -%}
    {%- set strategy_sql = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {%- set build_sql = strategy_sql({
        'target_relation': new,
        'temp_relation': increment,
        'unique_key': config.get('unique_key'),
        'dest_columns': columns,
        'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none),
    }) -%}
  {%- endif -%}

  {%- do kpi_fill_quarantine(adds=not fresh) -%}
  {%- call statement('main', language=main_language, auto_begin=begin) -%} {{- build_sql -}} {%- endcall -%}

  {%- if swap -%}
    {#- DuckDB renames no table that an index or a foreign key hangs on. -#}
    {%- do drop_indexes_on_relation(new) -%}
    {%- if may_be_foreign_key_target(new) -%}
      {%- set dependents = drop_foreign_key_dependents(new) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(new, backup) -%}
    {%- do adapter.rename_relation(staged, new) -%}
    {%- do to_drop.append(backup) -%}
  {%- endif -%}
  {%- do restore_foreign_key_dependents(dependents) -%}

  {%- do apply_grants(new, config.get('grants'), should_revoke=should_revoke(old, rebuild)) -%}
  {%- if fresh -%}
    {%- do create_indexes(new) -%}
  {%- endif -%}
  {%- do persist_docs(new, model) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}

  {%- for relation in to_drop -%}
    {%- do adapter.drop_relation(relation) -%}
  {%- endfor -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}
