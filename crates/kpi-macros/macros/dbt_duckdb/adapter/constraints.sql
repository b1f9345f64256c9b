{#- What hangs on a table - indexes, foreign keys of other tables - keeps DuckDB from renaming or dropping it. -#}

{%- macro duckdb__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  create {{ 'unique ' if index.unique }}index "{{ index.render(relation) }}" on {{ relation }} ({{ index.columns | join(', ') }});
{%- endmacro -%}

{#- No auto_begin: this may run after the commit, where a new transaction would be rolled back with the connection. -#}
{%- macro drop_indexes_on_relation(relation) -%}
  {%- call statement('get_indexes_on_relation', fetch_result=True, auto_begin=False) -%}
    select index_name
    from duckdb_indexes()
    where table_name = '{{ relation.identifier }}'
      and schema_name = '{{ relation.schema }}'
      and database_name = '{{ relation.database }}'
  {%- endcall -%}
  {%- for row in load_result('get_indexes_on_relation').table -%}
    {%- call statement('drop_index_' ~ loop.index, auto_begin=False) -%}
      drop index "{{ relation.database }}"."{{ relation.schema }}"."{{ row[0] }}"
    {%- endcall -%}
  {%- endfor -%}
{%- endmacro -%}

{#- The kinds of constraint that this model's contract, if it is enforced, declares. -#}
{%- macro enforced_constraint_types() -%}
  {%- set contract = config.get('contract') -%}
  {%- set types = [] -%}
  {%- if contract and contract.enforced -%}
    {%- do types.extend(model.get('constraints', []) | map(attribute='type')) -%}
    {%- for column in model.get('columns', {}).values() -%}
      {%- do types.extend(column.get('constraints', []) | map(attribute='type')) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- do return(types) -%}
{%- endmacro -%}

{%- macro existing_constraint_types(relation) -%}
  {%- if relation is none or not relation.is_table -%}
    {%- do return([]) -%}
  {%- endif -%}
  {%- do return(adapter.existing_key_constraint_types(relation)) -%}
{%- endmacro -%}

{#- A table with foreign keys must be born under its final name: DuckDB notes that name on the table it
    references and does not follow a rename, after which the referenced table could never be dropped. -#}
{%- macro has_foreign_key_constraints(relation=none) -%}
  {%- if not adapter.catalog_supports_foreign_keys(this.database) -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- do return('foreign_key' in enforced_constraint_types() or 'foreign_key' in existing_constraint_types(relation)) -%}
{%- endmacro -%}

{#- Only a primary key or a unique constraint can be referenced; one that is about to go counts too. -#}
{%- macro may_be_foreign_key_target(relation=none) -%}
  {%- if not adapter.catalog_supports_foreign_keys(this.database) -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- set types = enforced_constraint_types() + existing_constraint_types(relation) -%}
  {%- do return('primary_key' in types or 'unique' in types) -%}
{%- endmacro -%}

{#- Clears a name for a table that is built in place. The transaction is asked for even where the project
    turned transactions off: a failed build has to bring the old table back. -#}
{%- macro drop_relation_for_rebuild(relation) -%}
  {%- do adapter.ensure_transaction() -%}
  {%- set dropped = drop_foreign_key_dependents(relation) if relation.is_table and may_be_foreign_key_target(relation) else [] -%}
  {%- do adapter.drop_relation(relation) -%}
  {%- do return(dropped) -%}
{%- endmacro -%}

{#- Takes the tables out of the way whose foreign keys lead to `relation`, near or far, and returns
    [{relation, backup}]. Their rows are kept in a copy; their constraints come back when their own models
    are rebuilt, so every one of them must be sure to be rebuilt later in this run. -#}
{%- macro drop_foreign_key_dependents(relation) -%}
  {%- set links = kpi_foreign_keys_leading_to(relation) -%}
  {%- if not links -%}
    {%- do return([]) -%}
  {%- endif -%}
  {%- set problems = kpi_foreign_key_problems(relation, links) -%}
  {%- if problems -%}
    {%- do exceptions.raise_compiler_error(
        'Cannot replace ' ~ relation ~ ': a foreign key references it, and DuckDB does not allow replacing such a table '
        ~ 'unless every referencing table is rebuilt in the same run. Problem tables: ' ~ problems | join('; ')) -%}
  {%- endif -%}
  {%- set dropped = [] -%}
  {%- for table in links -%}
    {%- set dependent = api.Relation.create(database=relation.database, schema=relation.schema, identifier=table, type='table') -%}
    {%- set backup = dependent.incorporate(path={'identifier': table ~ '__dbt_fk_backup'}, type='table') -%}
    {%- do adapter.drop_relation(backup) -%}
    {%- call statement('backup_foreign_key_dependent_' ~ loop.index) -%}
      create table {{ backup }} as select * from {{ dependent }}
    {%- endcall -%}
    {%- do log('Dropping ' ~ dependent ~ ' because it references ' ~ relation ~ ' through a foreign key; it is rebuilt later in this run', info=True) -%}
    {%- do adapter.drop_relation(dependent) -%}
    {%- do dropped.append({'relation': dependent, 'backup': backup}) -%}
  {%- endfor -%}
  {%- do return(dropped) -%}
{%- endmacro -%}

{#- {table: [the tables it references]}, farthest from `relation` first: the order in which they can be
    dropped. A foreign key never leaves its schema. -#}
{%- macro kpi_foreign_keys_leading_to(relation) -%}
  {%- call statement('get_foreign_key_dependents', fetch_result=True) -%}
    with recursive keys as (
      select lower(table_name) as child_key, table_name as child, lower(referenced_table) as parent_key
      from duckdb_constraints()
      where constraint_type = 'FOREIGN KEY'
        and lower(database_name) = lower('{{ adapter.escape_sql_string(relation.database) }}')
        and lower(schema_name) = lower('{{ adapter.escape_sql_string(relation.schema) }}')
        and lower(table_name) <> lower(referenced_table)
    ),
    reached(child_key, distance) as (
      select child_key, 1 from keys
      where parent_key = lower('{{ adapter.escape_sql_string(relation.identifier) }}')
      union
      select keys.child_key, reached.distance + 1
      from keys join reached on keys.parent_key = reached.child_key
    ),
    farthest as (
      select child_key, max(distance) as distance from reached group by child_key
    )
    select keys.child, keys.parent_key
    from farthest join keys using (child_key)
    order by farthest.distance desc, keys.child, keys.parent_key
  {%- endcall -%}
  {%- set links = {} -%}
  {%- for row in load_result('get_foreign_key_dependents').table -%}
    {%- do links.setdefault(row[0], []).append(row[1]) -%}
  {%- endfor -%}
  {%- do return(links) -%}
{%- endmacro -%}

{#- Why tables could not be rebuilt by this run, one text per table. -#}
{%- macro kpi_foreign_key_problems(relation, links) -%}
  {%- set builders = {} -%}
  {%- set ids = {relation.identifier | lower: model.unique_id} -%}
  {%- for node in graph.nodes.values()
      if node.resource_type == 'model'
      and node.schema | lower == relation.schema | lower
      and (node.database or '') | lower == (relation.database or '') | lower -%}
    {%- set name = (node.alias or node.name) | lower -%}
    {%- if name in (links.keys() | map('lower') | list) -%}
      {%- do builders.update({name: node}) -%}
      {%- do ids.update({name: node.unique_id}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- set problems = [] -%}
  {%- for table, parents in links.items() -%}
    {%- set node = builders.get(table | lower) -%}
    {%- set reason = '' -%}
    {%- if node is none -%}
      {%- set reason = 'not built by a dbt model in this project' -%}
    {%- elif node.unique_id not in selected_resources -%}
      {%- set reason = 'model ' ~ node.name ~ ' is not selected in this run' -%}
    {%- else -%}
      {%- set upstream = [] -%}
      {%- for parent in parents if ids.get(parent) in node.depends_on.nodes -%}
        {%- do upstream.append(parent) -%}
      {%- endfor -%}
      {%- set refreshed = flags.FULL_REFRESH if node.config.full_refresh is none else node.config.full_refresh -%}
      {%- set kind = node.config.materialized -%}
      {%- if not upstream -%}
        {%- set reason = 'model ' ~ node.name ~ ' does not ref() the table its foreign key points at, so it may not be rebuilt afterwards; use `to: ref(...)` in the constraint' -%}
      {%- elif not (kind == 'table' or (kind == 'incremental' and refreshed)) -%}
        {%- set reason = 'model ' ~ node.name ~ ' is materialized as ' ~ kind ~ ' and would lose its data; run with --full-refresh' -%}
      {%- endif -%}
    {%- endif -%}
    {%- if reason -%}
      {%- do problems.append(table ~ ' (' ~ reason ~ ')') -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(problems) -%}
{%- endmacro -%}

{%- macro restore_foreign_key_dependents(dropped) -%}
  {%- for entry in dropped | reverse -%}
    {%- do log('Restoring data for ' ~ entry['relation'] ~ '; its constraints are rebuilt later in this run', info=True) -%}
    {%- do adapter.rename_relation(entry['backup'], entry['relation']) -%}
  {%- endfor -%}
{%- endmacro -%}
