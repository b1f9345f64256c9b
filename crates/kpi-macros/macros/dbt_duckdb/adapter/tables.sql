{#- Creating tables and views in DuckDB, with the options of DuckLake catalogs. -#}

{#- The interface has two arguments more here than elsewhere. -#}
{%- macro create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
  {%- do return(adapter.dispatch('create_table_as', 'dbt')(
      temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by)) -%}
{%- endmacro -%}

{%- macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
  {%- if language == 'python' -%}
    {%- do return(py_write_table(temporary=temporary, relation=relation, compiled_code=compiled_code, partitioned_by=partitioned_by, sorted_by=sorted_by)) -%}
  {%- elif language != 'sql' -%}
    {%- do exceptions.raise_compiler_error("create_table_as builds from 'sql' or 'python'; '" ~ language ~ "' is not a supported language") -%}
  {%- endif -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract.enforced -%}
    {%- do get_assert_columns_equivalent(compiled_code) -%}
  {%- endif -%}
  {{ config.get('sql_header', none) or '' }}
  create {{ 'temporary ' if temporary }}table {{ relation.include(database=not temporary, schema=not temporary) }}
  {%- if contract.enforced and not temporary %}
  {#- Constraints need a column list, which `create table as` cannot have: create, then fill. #}
  {{ get_table_columns_and_constraints() }};
  {{ kpi_duckdb_layout(relation, partitioned_by, sorted_by) }}
  insert into {{ relation }} {{ get_column_names() }} (
    {{ get_select_subquery(compiled_code) }}
  );
  {%- elif partitioned_by or sorted_by %}
  {#- The layout holds for rows that come after it: create empty, alter, then fill. #}
  as (
    select * from (
      {{ compiled_code }}
    ) as model_subq
    limit 0
  );
  {{ kpi_duckdb_layout(relation, partitioned_by, sorted_by) }}
  insert into {{ relation }} select * from (
    {{ compiled_code }}
  ) as model_subq;
  {%- else %}
  as (
    {{ compiled_code }}
  );
  {%- endif -%}
{%- endmacro -%}

{%- macro kpi_duckdb_layout(relation, partitioned_by, sorted_by) -%}
  {%- if partitioned_by -%} {{ duckdb__alter_table_set_partitioned_by(relation, partitioned_by) }} {%- endif -%}
  {%- if sorted_by -%} {{ duckdb__alter_table_set_sorted_by(relation, sorted_by) }} {%- endif -%}
{%- endmacro -%}

{#- The contract's columns as an insert wants them. -#}
{%- macro get_column_names() -%}
  {%- set names = [] -%}
  {%- for column in model['columns'].values() -%}
    {%- do names.append(adapter.quote(column['name']) if column.get('quote') else column['name']) -%}
  {%- endfor -%}
  ({{ names | join(', ') }})
{%- endmacro -%}

{%- macro duckdb__create_view_as(relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract.enforced -%}
    {%- do get_assert_columns_equivalent(sql) -%}
  {%- endif -%}
  {{ config.get('sql_header', none) or '' }}
  create view {{ relation }} as (
    {{ sql }}
  );
{%- endmacro -%}

{#- The `partitioned_by` (or `partition_by`) config as SQL, or none where it does not apply. -#}
{%- macro duckdb__get_partitioned_by(relation, temporary) -%}
  {%- if temporary -%} {%- do return(none) -%} {%- endif -%}
  {%- set raw = config.get('partitioned_by', none) -%}
  {%- set raw = config.get('partition_by', none) if raw is none or raw == '' else raw -%}
  {%- if raw is none or raw == '' -%} {%- do return(none) -%} {%- endif -%}
  {%- set columns = kpi_duckdb_layout_columns(raw, 'partitioned_by/partition_by', relation) -%}
  {%- do return(columns | join(', ') if columns else none) -%}
{%- endmacro -%}

{%- macro duckdb__get_sorted_by(relation, temporary) -%}
  {%- if temporary -%} {%- do return(none) -%} {%- endif -%}
  {%- set raw = config.get('sorted_by', none) -%}
  {%- set raw = config.get('sort_by', none) if raw is none else raw -%}
  {%- if raw is none -%} {%- do return(none) -%} {%- endif -%}
  {%- set quoted = [] -%}
  {%- for column in kpi_duckdb_layout_columns(raw, 'sorted_by/sort_by', relation) or [] -%}
    {%- do quoted.append(adapter.quote(column | replace('"', '""'))) -%}
  {%- endfor -%}
  {%- do return(quoted | join(', ') if quoted else none) -%}
{%- endmacro -%}

{#- Only DuckLake knows a layout, and only the final table gets it: what is staged is renamed or dropped. -#}
{%- macro kpi_duckdb_layout_columns(raw, field, relation) -%}
  {%- set columns = normalize_string_or_list(raw, field) -%}
  {%- if not columns -%}
    {%- do exceptions.raise_compiler_error(field ~ ' must contain at least one column') -%}
  {%- endif -%}
  {%- if this is defined and config.get('materialized') in ['table', 'incremental']
      and relation.identifier and this.identifier and relation.identifier != this.identifier -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- if not adapter.is_ducklake(relation) -%}
    {%- do adapter.warn_once(field ~ ' is only supported for DuckLake relations; ignoring for ' ~ relation) -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- do return(columns) -%}
{%- endmacro -%}

{%- macro duckdb__alter_table_set_partitioned_by(relation, partitioned_by) -%}
  alter table {{ relation }} set partitioned by ({{ partitioned_by }});
{%- endmacro -%}

{%- macro duckdb__alter_table_set_sorted_by(relation, sorted_by) -%}
  alter table {{ relation }} set sorted by ({{ sorted_by }});
{%- endmacro -%}

{#- A Python model ends with a function that writes its data frame. Its connection is the node's own session: statements
    run in the database, over what is registered. -#}
{%- macro py_write_table(temporary, relation, compiled_code, partitioned_by=none, sorted_by=none) -%}
{%- set frame = '__dbt_python_model_df_' ~ relation.identifier -%}
{%- set table = ('temporary ' if temporary else '') ~ 'table ' ~ relation.include(database=not temporary, schema=not temporary) -%}
{{ compiled_code }}

def materialize(df, con):
    try:
        import pyarrow.dataset  # DuckDB reads an Arrow table only when this module is loaded
    except ImportError:
        pass
    con.register({{ frame | tojson }}, df)
{%- if partitioned_by or sorted_by %}
    con.execute('''create {{ table }} as select * from "{{ frame }}" limit 0''')
{%- if partitioned_by %}
    con.execute('''alter table {{ relation }} set partitioned by ({{ partitioned_by }})''')
{%- endif %}
{%- if sorted_by %}
    con.execute('''alter table {{ relation }} set sorted by ({{ sorted_by }})''')
{%- endif %}
    con.execute('''insert into {{ relation }} select * from "{{ frame }}"''')
{%- else %}
    con.execute('''create {{ table }} as select * from "{{ frame }}"''')
{%- endif %}
    con.unregister({{ frame | tojson }})
{% endmacro -%}
