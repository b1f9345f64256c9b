{#- An external model is a file (or a folder of files) and a view that reads it. -#}

{% materialization external, adapter="duckdb", supported_languages=['sql', 'python'] %}
  {%- set location = render(config.get('location', default=external_location(this, config))) -%}
  {%- set options = render_write_options(config) -%}
  {%- set write_options = adapter.external_write_options(location, options) -%}
  {%- set read_location = adapter.external_read_location(location, options) -%}
  {%- set formats = ['csv', 'parquet', 'json'] -%}
  {%- set format = config.get('format') -%}
  {%- if format and format not in formats -%}
    {%- do exceptions.raise_compiler_error('Invalid format: ' ~ format ~ '. Allowed formats are: ' ~ formats | join(', ')) -%}
  {%- elif not format -%}
    {#- external_write_options has noted what it writes; what cannot be read back as such is taken for Parquet. -#}
    {%- set written = options['format'] | lower -%}
    {%- set format = written if written in formats else 'parquet' -%}
  {%- endif -%}
  {%- set read_options = kpi_external_read_options(format, options) -%}

  {%- set language = model['language'] -%}
  {%- set new = this.incorporate(type='view') -%}
  {%- set old = load_cached_relation(this) -%}
  {%- set rows = make_intermediate_relation(this.incorporate(type='table'), suffix='__dbt_tmp') -%}
  {%- set staged = make_intermediate_relation(new, suffix='__dbt_int') -%}
  {%- set backup = make_backup_relation(new, 'table' if old is none else old.type) -%}
  {%- do kpi_drop_leftovers([staged, rows, backup]) -%}

  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}

  {%- call statement('create_table', language=language) -%}
    {{- create_table_as(False, rows, compiled_code, language) -}}
  {%- endcall -%}

  {#- A file without rows tells nothing of its columns. It gets one row of nulls, which the view hides. -#}
  {%- set hide = [] -%}
  {%- if run_query('select count(*) from ' ~ rows)[0][0] == 0 -%}
    {%- set nulls = [] -%}
    {%- for column in get_columns_in_relation(rows) -%}
      {%- do nulls.append('null') -%}
      {%- do hide.append('"' ~ column.column ~ '" is not null') -%}
    {%- endfor -%}
    {%- call statement('main', language='sql') -%} insert into {{ rows }} values ({{ nulls | join(', ') }}) {%- endcall -%}
  {%- endif -%}

  {%- do write_to_file(rows, location, write_options) -%}
  {%- call statement('main', language='sql') -%}
    create or replace view {{ staged }} as (
      select * from read_{{ format }}('{{ read_location }}'{{ read_options }})
      {{ 'where ' ~ hide | join(' and ') if hide }}
    );
  {%- endcall -%}
  {%- if old is not none -%}
    {%- do adapter.rename_relation(old, backup) -%}
  {%- endif -%}
  {%- do adapter.rename_relation(staged, new) -%}

  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do kpi_grant_and_document(new, old) -%}
  {%- do adapter.commit() -%}

  {%- do drop_relation_if_exists(backup) -%}
  {%- do drop_relation_if_exists(rows) -%}
  {%- set plugin = config.get('plugin') -%}
  {%- if config.get('glue_register', default=false) -%}
    {#- The older way to ask for the plugin of that name. -#}
    {%- set plugin = 'glue|' ~ config.get('glue_database', 'default') -%}
  {%- endif -%}
  {%- if plugin is not none -%}
    {%- do store_relation(plugin, new, location, format, config) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {%- do return({'relations': [new]}) -%}
{% endmaterialization %}

{#- The config <format>_read_options as further arguments of read_<format>(). -#}
{%- macro kpi_external_read_options(format, write_options) -%}
  {%- set defaults = {'csv': {'auto_detect': True}, 'json': {'auto_detect': True}, 'parquet': {'union_by_name': False}} -%}
  {%- set options = dict(config.get(format ~ '_read_options', defaults[format])) -%}
  {#- DuckDB tells a compression by a lower-case file extension alone. Parquet files hold theirs inside. -#}
  {%- if format != 'parquet' and write_options.get('compression') -%}
    {%- do options.setdefault('compression', write_options['compression']) -%}
  {%- endif -%}
  {%- for name, value in options.items() -%}
    , {{ name }}={{ "'" ~ value ~ "'" if value is string else value }}
  {%- endfor -%}
{%- endmacro -%}

{#- Where a model without a `location` goes: a file of its name, or a folder when it is partitioned. -#}
{%- macro external_location(relation, config) -%}
  {{- adapter.external_root() -}} / {{- relation.identifier -}}
  {%- if config.get('options', {}).get('partition_by') is none -%}
    . {{- config.get('format', 'parquet') -}}
  {%- endif -%}
{%- endmacro -%}

{#- The `options` of COPY, rendered; the older configs `format` and `delimiter` beside them win. -#}
{%- macro render_write_options(config) -%}
  {%- set options = config.get('options', {}) -%}
  {%- if options is not mapping -%}
    {%- do exceptions.raise_compiler_error('The options argument must be a dictionary') -%}
  {%- endif -%}
  {%- for name in options -%}
    {%- do options.update({name: render(options[name])}) -%}
  {%- endfor -%}
  {%- for name in ['format', 'delimiter'] if config.get(name) -%}
    {%- do options.update({name: render(config.get(name))}) -%}
  {%- endfor -%}
  {%- do return(options) -%}
{%- endmacro -%}

{%- macro write_to_file(relation, location, options) -%}
  {%- call statement('write_to_file') -%} copy {{ relation }} to '{{ location }}' ({{ options }}) {%- endcall -%}
{%- endmacro -%}

{%- macro location_exists(location) -%}
  {%- do return(adapter.location_exists(location)) -%}
{%- endmacro -%}

{%- macro store_relation(plugin, relation, location, format, config) -%}
  {%- do adapter.store_relation(plugin, relation, adapter.get_columns_in_relation(relation), location, format, config) -%}
{%- endmacro -%}

{#- For on-run-start: when only a part of the project runs on a new database, the files of external models
    outside of that part get their views. -#}
{%- macro register_upstream_external_models() -%}
  {%- if execute -%}
    {%- set seen = [] -%}
    {%- set schemas = [] -%}
    {%- for selected in selected_resources if selected in graph['nodes'] -%}
      {%- for id in graph['nodes'][selected]['depends_on']['nodes'] if id not in seen and id not in selected_resources -%}
        {%- do seen.append(id) -%}
        {%- set node = graph['nodes'].get(id) -%}
        {%- if node and node.resource_type in ('model', 'seed') and node.config.materialized == 'external' -%}
          {%- set relation = api.Relation.create(database=node['database'], schema=node['schema'], identifier=node['alias']) -%}
          {%- set location = node.config.get('location', external_location(relation, node.config)) -%}
          {%- set read_location = adapter.external_read_location(location, render_write_options(node.config)) -%}
          {%- if relation.schema not in schemas -%}
            {%- call statement('main', language='sql') -%} create schema if not exists {{ relation.without_identifier() }} {%- endcall -%}
            {%- do schemas.append(relation.schema) -%}
          {%- endif -%}
          {%- call statement('main', language='sql') -%}
            create or replace view {{ relation }} as (select * from '{{ read_location }}');
          {%- endcall -%}
        {%- endif -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- if schemas -%}
      {%- do adapter.commit() -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro -%}
