{#- Adds to a table what is new. The strategy macros say how new rows meet the old ones. -#}

{% materialization incremental, default %}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type='table') -%}
  {%- set increment = make_temp_relation(new) -%}
  {%- set staged = make_intermediate_relation(new) -%}
  {%- set backup = make_backup_relation(new, 'table' if old is none else old.type) -%}
  {#- A view cannot take rows: it is replaced like a table under --full-refresh. -#}
  {%- set rebuild = should_full_refresh() or (old is not none and old.is_view) -%}
  {%- set schema_policy = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- do kpi_drop_leftovers([staged, backup]) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {#- Looked up even when it is not needed this time, so that a misspelt strategy fails on the first run. -#}
  {%- set strategy_sql = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
  {%- set kept_code = kpi_separate(sql) -%}
  {%- set swap = old is not none and rebuild -%}
  {%- if old is none or rebuild -%}
    {%- set indexed = staged if swap else new -%}
    {%- set build_sql = get_create_table_as_sql(False, indexed, kept_code) -%}
  {%- else -%}
    {%- set indexed = increment -%}
    {%- do run_query(get_create_table_as_sql(True, increment, kept_code)) -%}
    {%- set contract = config.get('contract') -%}
    {%- if not (contract and contract.enforced) -%}
      {%- do adapter.expand_target_column_types(from_relation=increment, to_relation=new) -%}
    {%- endif -%}
    {%- set columns = process_schema_changes(schema_policy, increment, old)
        or adapter.get_columns_in_relation(old) -%}
    {%- set build_sql = strategy_sql({
        'target_relation': new,
        'temp_relation': increment,
        'unique_key': config.get('unique_key'),
        'dest_columns': columns,
        'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none),
    }) -%}
  {%- endif -%}

  {%- do kpi_fill_quarantine(adds=old is not none and not rebuild) -%}
  {%- call statement('main') -%} {{ build_sql }} {%- endcall -%}

  {%- if old is none or rebuild -%}
    {%- do create_indexes(indexed) -%}
  {%- endif -%}
  {%- if swap -%}
    {%- do adapter.rename_relation(new, backup) -%}
    {%- do adapter.rename_relation(staged, new) -%}
  {%- endif -%}

  {%- do kpi_grant_and_document(new, old, rebuild) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}

  {%- if swap -%}
    {%- do adapter.drop_relation(backup) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{%- macro is_incremental() -%}
  {#- While the project is parsed there is no database to ask. -#}
  {%- if not execute -%}
    {%- do return(False) -%}
  {%- endif -%}
  {%- set built = adapter.get_relation(this.database, this.schema, this.table) -%}
  {%- do return(
      built is not none
      and built.type == 'table'
      and model.config.materialized == 'incremental'
      and not should_full_refresh()) -%}
{%- endmacro -%}
