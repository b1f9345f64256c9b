{#- Columns of tables in Snowflake, and their comments. -#}

{%- macro snowflake__get_columns_in_relation(relation) -%}
  {%- set columns = [] -%}
  {%- for row in run_query('describe table ' ~ relation.render()) -%}
    {%- do columns.append(api.Column.from_description(row['name'], row['type'])) -%}
  {%- endfor -%}
  {%- do return(columns) -%}
{%- endmacro -%}

{%- macro snowflake__alter_column_type(relation, column_name, new_column_type) -%}
  {%- call statement('alter_column_type') -%}
    alter {{ kpi_snowflake_table_word(relation) }} {{ relation.render() }} alter {{ adapter.quote(column_name) }} set data type {{ new_column_type }}
  {%- endcall -%}
{%- endmacro -%}

{#- What an alter statement calls a relation. -#}
{%- macro kpi_snowflake_table_word(relation) -%}
  {%- do return('iceberg table' if relation.is_iceberg_format else 'table' if relation.type != 'view' else 'view') -%}
{%- endmacro -%}

{#- Strings of Iceberg tables have one length only, and `STRING` is it. -#}
{%- macro snowflake__get_column_data_type_for_alter(relation, column) -%}
  {%- set type = column.expanded_data_type -%}
  {%- do return('STRING' if relation.is_iceberg_format and column.is_string()
      and type.upper().startswith(('CHARACTER VARYING', 'VARCHAR')) else type) -%}
{%- endmacro -%}

{#- A collation stays when the type of its column changes. -#}
{%- macro snowflake__diff_column_data_types(source_columns, target_columns) -%}
  {%- set existing = {} -%}
  {%- for column in target_columns -%}
    {%- do existing.update({column.name: column}) -%}
  {%- endfor -%}
  {%- set changes = [] -%}
  {%- for column in source_columns if column.name in existing -%}
    {%- set old = existing[column.name] -%}
    {%- if column.data_type != old.data_type and not column.can_expand_to(other_column=old) -%}
      {%- do changes.append({'column_name': old.name,
          'new_type': column.data_type ~ (" collate '" ~ old.collation ~ "'" if old.collation else '')}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(changes) -%}
{%- endmacro -%}

{#- Several columns in one statement, but not of both kinds. -#}
{%- macro snowflake__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set kind = 'dynamic table' if relation.is_dynamic_table else kpi_snowflake_table_word(relation) -%}
  {%- if relation.is_interactive_table and remove_columns -%}
    {%- do exceptions.raise_compiler_error('Columns cannot be removed from an interactive table: `' ~ relation ~ '`.') -%}
  {%- endif -%}
  {%- set added = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do added.append(adapter.quote(column.name) ~ ' ' ~ snowflake__get_column_data_type_for_alter(relation, column)) -%}
  {%- endfor -%}
  {%- set removed = [] -%}
  {%- for column in remove_columns or [] -%}
    {%- do removed.append(adapter.quote(column.name)) -%}
  {%- endfor -%}
  {%- if added -%}
    {%- do run_query('alter ' ~ kind ~ ' ' ~ relation.render() ~ ' add column ' ~ added | join(', ')) -%}
  {%- endif -%}
  {%- if removed -%}
    {%- do run_query('alter ' ~ kind ~ ' ' ~ relation.render() ~ ' drop column ' ~ removed | join(', ')) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro snowflake__alter_relation_comment(relation, relation_comment) -%}
  {%- if relation.is_iceberg_format -%}
    alter iceberg table {{ relation.render() }} set comment = {{ kpi_snowflake_text(relation_comment) }}
  {%- else -%}
    comment on {{ 'dynamic table' if relation.is_dynamic_table else 'table' if relation.is_interactive_table else relation.type }} {{ relation.render() }} is {{ kpi_snowflake_text(relation_comment) }}
  {%- endif -%}
{%- endmacro -%}

{#- The documented columns of a relation with the names that the database has for them. -#}
{%- macro kpi_snowflake_comments(names, documented) -%}
  {%- set by_name = {} -%}
  {%- for name, column in documented.items() -%}
    {%- do by_name.update({(name if column['quote'] else name | upper): column}) -%}
  {%- endfor -%}
  {%- set comments = [] -%}
  {%- for name in names -%}
    {%- set column = by_name.get(name) or by_name.get(name | upper) -%}
    {%- do comments.append({'name': adapter.quote(name), 'comment': kpi_snowflake_text(column['description'] if column else '')}) -%}
  {%- endfor -%}
  {%- do return(comments) -%}
{%- endmacro -%}

{#- One column with its comment, as a view's list of columns and an alter statement have it. -#}
{%- macro get_column_comment_sql(column_name, column_dict) -%}
  {%- for column in kpi_snowflake_comments([column_name], column_dict) -%}
    {{ column['name'] }} comment {{ column['comment'] }}
  {%- endfor -%}
{%- endmacro -%}

{%- macro get_persist_docs_column_list(model_columns, query_columns) -%}
  {%- set columns = [] -%}
  {%- for name in query_columns -%}
    {%- do columns.append(get_column_comment_sql(name, model_columns)) -%}
  {%- endfor -%}
  ({{ columns | join(', ') }})
{%- endmacro -%}

{%- macro snowflake__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- do return(default__persist_docs(relation, model, for_relation, for_columns)) -%}
{%- endmacro -%}

{%- macro snowflake__alter_column_comment(relation, column_dict) -%}
  {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- set changes = [] -%}
  {%- for column in kpi_snowflake_comments(present, column_dict) -%}
    {%- do changes.append(column['name'] ~ ' comment ' ~ column['comment']) -%}
  {%- endfor -%}
  {%- if changes -%}
    alter {{ kpi_snowflake_table_word(relation) }} {{ relation.render() }} alter {{ changes | join(', ') }}
  {%- endif -%}
{%- endmacro -%}
