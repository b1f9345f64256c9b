{#- A clone points this environment at what another one has built: a copy without copying where the database
    can do that, a view elsewhere. -#}

{%- materialization clone, default -%}
  {%- if not defer_relation -%}
    {%- do log('No relation found in state manifest for ' ~ model.unique_id, info=True) -%}
    {%- do return({'relations': []}) -%}
  {%- endif -%}
  {%- set old = load_cached_relation(this) -%}
  {%- if old and not flags.FULL_REFRESH -%}
    {%- do log('Relation ' ~ old ~ ' already exists', info=True) -%}
    {%- do return({'relations': []}) -%}
  {%- endif -%}
  {%- set original = load_cached_relation(defer_relation) -%}

  {%- if not (original and original.type == 'table' and can_clone_table()) -%}
    {#- The engine hands over a query of the other relation as this node's SQL: any view will do. -#}
    {%- set own_view = 'materialization_view_' ~ adapter.type() -%}
    {%- set build_view = context[own_view if own_view in context else 'materialization_view_default'] -%}
    {%- do return(build_view()) -%}
  {%- endif -%}

  {%- set new = this.incorporate(type='table') -%}
  {%- if old is not none and not old.is_table -%}
    {%- do log('Dropping relation ' ~ old.render() ~ ' because it is of type ' ~ old.type) -%}
    {%- do drop_relation_if_exists(old) -%}
  {%- endif -%}
  {%- if (new.database, new.schema, new.identifier) == (defer_relation.database, defer_relation.schema, defer_relation.identifier) -%}
    {%- do log('Target relation and defer relation are the same, skipping clone for relation: ' ~ new.render()) -%}
  {%- else -%}
    {%- call statement('main') -%} {{ create_or_replace_clone(new, defer_relation) }} {%- endcall -%}
  {%- endif -%}
  {%- do kpi_grant_and_document(new, old) -%}
  {%- do return({'relations': [new]}) -%}
{%- endmaterialization -%}

{%- macro can_clone_table() -%}
  {%- do return(adapter.dispatch('can_clone_table', 'dbt')()) -%}
{%- endmacro -%}

{%- macro default__can_clone_table() -%}
  {%- do return(False) -%}
{%- endmacro -%}

{%- macro create_or_replace_clone(this_relation, defer_relation) -%}
  {%- do return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) -%}
{%- endmacro -%}

{%- macro default__create_or_replace_clone(this_relation, defer_relation) -%}
  create or replace table {{ this_relation.render() }} clone {{ defer_relation.render() }}
{%- endmacro -%}
