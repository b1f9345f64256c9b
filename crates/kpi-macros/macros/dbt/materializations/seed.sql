{#- A seed is a CSV file of the project as a table. On a later run the table is emptied and filled again, so
    that what depends on it keeps standing; --full-refresh makes a new one. -#}

{% materialization seed, default %}
  {%- set identifier = model['alias'] -%}
  {%- set rebuild = should_full_refresh() -%}
  {%- set old = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
  {%- set rows = load_agate_table() -%}
  {%- do store_result('agate_table', response='OK', agate_table=rows) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {%- if old is not none and old.is_view -%}
    {%- do exceptions.raise_compiler_error("Cannot seed to '" ~ old.render() ~ "', it is a view") -%}
  {%- endif -%}
  {%- set refill = old is not none and old.is_table -%}
  {%- if refill -%}
    {%- set table_sql = reset_csv_table(model, rebuild, old, rows) -%}
  {%- else -%}
    {%- set table_sql = create_csv_table(model, rows) -%}
  {%- endif -%}
  {%- set row_count = rows.rows | length -%}
  {%- set insert_sql = load_csv_rows(model, rows) if row_count > 0 else '' -%}
  {%- set code = 'CREATE' if rebuild else 'INSERT' -%}
  {%- call noop_statement('main', code ~ ' ' ~ row_count, code, row_count) -%}
    {{ get_csv_sql(table_sql, insert_sql) }};
  {%- endcall -%}

  {%- set new = this.incorporate(type='table') -%}
  {%- do kpi_grant_and_document(new, old, rebuild) -%}
  {%- if rebuild or not refill -%}
    {%- do create_indexes(new) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{#- The next three run their SQL and return it, to be shown in target/run. -#}

{%- macro create_csv_table(model, agate_table) -%}
  {%- do return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) -%}
{%- endmacro -%}

{%- macro default__create_csv_table(model, agate_table) -%}
  {%- set given_types = model['config'].get('column_types', {}) -%}
  {%- set quoting = model['config'].get('quote_columns', None) -%}
  {%- set columns = [] -%}
  {%- for name in agate_table.column_names -%}
    {%- set type = given_types.get(name) or adapter.convert_type(agate_table, loop.index0) -%}
    {%- do columns.append(adapter.quote_seed_column(name | string, quoting) ~ ' ' ~ type) -%}
  {%- endfor -%}
  {%- set table_sql = 'create table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ')' -%}
  {%- call statement('_') -%} {{ table_sql }} {%- endcall -%}
  {%- do return(table_sql) -%}
{%- endmacro -%}

{%- macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- do return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) -%}
{%- endmacro -%}

{%- macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if full_refresh -%}
    {%- do adapter.drop_relation(old_relation) -%}
    {%- do return(create_csv_table(model, agate_table)) -%}
  {%- endif -%}
  {%- do adapter.truncate_relation(old_relation) -%}
  {%- do return('truncate table ' ~ old_relation.render()) -%}
{%- endmacro -%}

{%- macro load_csv_rows(model, agate_table) -%}
  {%- do return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) -%}
{%- endmacro -%}

{#- Parameterised inserts, a batch of rows each. The first batch stands for all in target/run. -#}
{%- macro default__load_csv_rows(model, agate_table) -%}
  {%- set names = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
  {%- set mark = get_binding_char() -%}
  {%- set one_row = '(' ~ ([mark] * (agate_table.column_names | length)) | join(',') ~ ')' -%}
  {%- set shown = [] -%}
  {%- for batch in agate_table.rows | batch(get_batch_size()) -%}
    {%- set values = [] -%}
    {%- for row in batch -%}
      {%- do values.extend(row) -%}
    {%- endfor -%}
    {%- set insert_sql = 'insert into ' ~ this.render() ~ ' (' ~ names ~ ') values ' ~ ([one_row] * (batch | length)) | join(',') -%}
    {%- do adapter.add_query(insert_sql, bindings=values, abridge_sql_log=True) -%}
    {%- if loop.first -%}
      {%- do shown.append(insert_sql) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(shown | first) -%}
{%- endmacro -%}

{%- macro get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {%- do return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) -%}
{%- endmacro -%}

{%- macro default__get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {{ create_or_truncate_sql }};
  -- rows of the seed --
  {{ insert_sql }}
{%- endmacro -%}

{%- macro get_binding_char() -%}
  {%- do return(adapter.dispatch('get_binding_char', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_binding_char() -%}
  {%- do return('%s') -%}
{%- endmacro -%}

{%- macro get_batch_size() -%}
  {%- do return(adapter.dispatch('get_batch_size', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__get_batch_size() -%}
  {%- do return(10000) -%}
{%- endmacro -%}

{%- macro get_seed_column_quoted_csv(model, column_names) -%}
  {%- set quoting = model['config'].get('quote_columns', None) -%}
  {%- set names = [] -%}
  {%- for name in column_names -%}
    {%- do names.append(adapter.quote_seed_column(name, quoting)) -%}
  {%- endfor -%}
  {%- do return(names | join(', ')) -%}
{%- endmacro -%}
