{#- Materialized views, for databases that have them: created, replaced, altered or refreshed, whichever is
    the least that brings the database to what the project says. -#}

{% materialization materialized_view, default %}
  {%- set old = load_cached_relation(this) -%}
  {%- set new = this.incorporate(type=this.MaterializedView) -%}
  {%- set staged = make_intermediate_relation(new) -%}
  {%- set backup = make_backup_relation(new, new.MaterializedView if old is none else old.type) -%}
  {%- do materialized_view_setup(backup, staged, pre_hooks) -%}
  {%- set build_sql = materialized_view_get_build_sql(old, new, backup, staged) -%}
  {%- if build_sql == '' -%}
    {%- do materialized_view_execute_no_op(new) -%}
  {%- else -%}
    {%- do materialized_view_execute_build_sql(build_sql, old, new, post_hooks) -%}
  {%- endif -%}
  {%- do materialized_view_teardown(backup, staged, post_hooks) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{%- macro materialized_view_setup(backup_relation, intermediate_relation, pre_hooks) -%}
  {%- do kpi_drop_leftovers([backup_relation, intermediate_relation]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
{%- endmacro -%}

{%- macro materialized_view_teardown(backup_relation, intermediate_relation, post_hooks) -%}
  {%- do drop_relation_if_exists(backup_relation) -%}
  {%- do drop_relation_if_exists(intermediate_relation) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
{%- endmacro -%}

{#- Returns '' when the view is to be left as it is. -#}
{%- macro materialized_view_get_build_sql(existing_relation, target_relation, backup_relation, intermediate_relation) -%}
  {%- if existing_relation is none -%}
    {%- do return(get_create_materialized_view_as_sql(target_relation, sql)) -%}
  {%- elif should_full_refresh() or not existing_relation.is_materialized_view -%}
    {%- do return(get_replace_sql(existing_relation, target_relation, sql)) -%}
  {%- endif -%}
  {%- set changes = get_materialized_view_configuration_changes(existing_relation, config) -%}
  {%- set policy = config.get('on_configuration_change') -%}
  {%- set found = 'Configuration changes were identified and `on_configuration_change` was set to `' ~ policy ~ '` for `' ~ target_relation.render() ~ '`' -%}
  {%- if changes is none -%}
    {%- do return(refresh_materialized_view(target_relation)) -%}
  {%- elif policy == 'apply' -%}
    {%- do return(get_alter_materialized_view_as_sql(
        target_relation, changes, sql, existing_relation, backup_relation, intermediate_relation)) -%}
  {%- elif policy == 'continue' -%}
    {%- do exceptions.warn(found) -%}
    {%- do return('') -%}
  {%- elif policy == 'fail' -%}
    {%- do exceptions.raise_fail_fast_error(found) -%}
  {%- else -%}
    {%- do exceptions.raise_compiler_error('Unexpected configuration scenario: `on_configuration_change` is one of apply, continue and fail') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro materialized_view_execute_no_op(target_relation) -%}
  {%- do store_raw_result(name='main', message='skip ' ~ target_relation, code='skip', rows_affected='-1') -%}
{%- endmacro -%}

{%- macro materialized_view_execute_build_sql(build_sql, existing_relation, target_relation, post_hooks) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- call statement(name='main') -%} {{ build_sql }} {%- endcall -%}
  {%- do kpi_grant_and_document(target_relation, existing_relation) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
{%- endmacro -%}

{%- macro get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- do log('Determining configuration changes on: ' ~ existing_relation) -%}
  {%- do return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) -%}
{%- endmacro -%}

{%- macro default__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- do exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') -%}
{%- endmacro -%}

{%- macro get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- do log('Applying ALTER to: ' ~ relation) -%}
  {%- do return(adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt')(
      relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation)) -%}
{%- endmacro -%}

{%- macro default__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- do exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') -%}
{%- endmacro -%}

{%- macro refresh_materialized_view(relation) -%}
  {%- do log('Applying REFRESH to: ' ~ relation) -%}
  {%- do return(adapter.dispatch('refresh_materialized_view', 'dbt')(relation)) -%}
{%- endmacro -%}

{%- macro default__refresh_materialized_view(relation) -%}
  {%- do exceptions.raise_compiler_error('`refresh_materialized_view` has not been implemented for this adapter.') -%}
{%- endmacro -%}
