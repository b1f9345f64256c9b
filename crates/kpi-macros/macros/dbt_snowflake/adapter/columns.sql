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
    alter table {{ relation.render() }} alter {{ adapter.quote(column_name) }} set data type {{ new_column_type }}
  {%- endcall -%}
{%- endmacro -%}

{#- Several columns in one statement, but not of both kinds. -#}
{%- macro snowflake__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set kind = 'dynamic table' if relation.type == 'dynamic_table' else relation.type -%}
  {%- set added = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do added.append(adapter.quote(column.name) ~ ' ' ~ column.data_type) -%}
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
  comment on {{ 'dynamic table' if relation.type == 'dynamic_table' else relation.type }} {{ relation.render() }} is {{ kpi_snowflake_text(relation_comment) }}
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

{%- macro snowflake__alter_column_comment(relation, column_dict) -%}
  {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- set changes = [] -%}
  {%- for column in kpi_snowflake_comments(present, column_dict) -%}
    {%- do changes.append(column['name'] ~ ' comment ' ~ column['comment']) -%}
  {%- endfor -%}
  {%- if changes -%}
    alter {{ 'view' if relation.is_view else 'table' }} {{ relation.render() }} alter {{ changes | join(', ') }}
  {%- endif -%}
{%- endmacro -%}
