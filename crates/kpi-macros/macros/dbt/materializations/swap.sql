{#- The steps that table, view and incremental share to replace a relation without a gap. -#}

{#- A run that was killed leaves its staging or backup relation behind: clear them first. -#}
{%- macro kpi_drop_leftovers(relations) -%}
  {%- for relation in relations -%}
    {%- do drop_relation_if_exists(load_cached_relation(relation)) -%}
  {%- endfor -%}
{%- endmacro -%}

{#- Puts `staged` in the place of `old`. The cache is asked again, as a hook may have dropped `old` meanwhile. -#}
{%- macro kpi_swap_in(old, staged, new, backup) -%}
  {%- if old is not none and load_cached_relation(old) is not none -%}
    {%- do adapter.rename_relation(old, backup) -%}
  {%- endif -%}
  {%- do adapter.rename_relation(staged, new) -%}
{%- endmacro -%}

{#- Grants and descriptions belong to the new object and must land in its transaction. -#}
{%- macro kpi_grant_and_document(relation, old, replaced=True) -%}
  {%- do apply_grants(relation, config.get('grants'), should_revoke=should_revoke(old, replaced)) -%}
  {%- do persist_docs(relation, model) -%}
{%- endmacro -%}
