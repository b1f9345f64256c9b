{#- What surrounds the code of a Python model: the `dbt` object it is given, with ref, source, config and this
    filled in from the graph. -#}

{%- macro resolve_model_name(input_model_name) -%}
  {%- do return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) -%}
{%- endmacro -%}

{#- A relation as the text that the loading function takes. -#}
{%- macro default__resolve_model_name(input_model_name) -%}
  {{- input_model_name | string -}}
{%- endmacro -%}

{%- macro build_ref_function(model) -%}
{%- set relations = {} -%}
{%- for item in model.refs -%}
  {%- set name = [item['package'], item['name']] if item.get('package') else [item['name']] -%}
  {%- set relation = ref(*name, v=item.get('version')) -%}
  {#- render() leaves out the limits of --empty and --sample. A project's own ref() may give plain text. -#}
  {%- if relation.render is defined and relation.render is callable -%}
    {%- set relation = relation.render() -%}
  {%- endif -%}
  {%- if item.get('version') -%}
    {%- do name.append('v' ~ item['version']) -%}
  {%- endif -%}
  {%- do relations.update({name | join('.'): resolve_model_name(relation)}) -%}
{%- endfor -%}
_KPI_REFS = {{ relations | tojson }}

def ref(*args, **kwargs):
    name = list(args)
    version = kwargs.get("v") or kwargs.get("version")
    if version:
        name.append(f"v{version}")
    return kwargs["dbt_load_df_function"](_KPI_REFS[".".join(name)])
{% endmacro -%}

{%- macro build_source_function(model) -%}
{%- set relations = {} -%}
{%- for item in model.sources -%}
  {%- do relations.update({item | join('.'): resolve_model_name(source(*item))}) -%}
{%- endfor -%}
_KPI_SOURCES = {{ relations | tojson }}

def source(*args, dbt_load_df_function):
    return dbt_load_df_function(_KPI_SOURCES[".".join(args)])
{% endmacro -%}

{#- Only the keys that the code reads: the parser has listed them with the defaults it found. -#}
{%- macro build_config_dict(model) -%}
{%- set values = {} -%}
{%- for key, default in zip(model.config.config_keys_used, model.config.config_keys_defaults) | list -%}
  {%- do values.update({key: 'python' if key == 'language' else model.config.get(key, default)}) -%}
{%- endfor -%}
{%- set meta = {} -%}
{%- if model.config.meta_keys_used -%}
  {%- for key, default in zip(model.config.meta_keys_used, model.config.meta_keys_defaults) | list -%}
    {%- do meta.update({key: (model.config.meta or {}).get(key, default)}) -%}
  {%- endfor -%}
{%- endif -%}
config_dict = {{ values }}
meta_dict = {{ meta }}
{% endmacro -%}

{%- macro py_script_postfix(model) %}
# COMMAND ----------
# Above is the model's own code. Below is what gives it its `dbt` argument; do not edit.
{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)


class this:
    database = {{ this.database | tojson }}
    schema = {{ this.schema | tojson }}
    identifier = {{ this.identifier | tojson }}

    def __repr__(self):
        return '{{ resolve_model_name(this) }}'


class dbtObj:
    def __init__(self, load_df_function) -> None:
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {{ is_incremental() }}

# COMMAND ----------
{{ py_script_comment() }}
{% endmacro -%}

{#- For adapters that tell how to run the script by hand. -#}
{%- macro py_script_comment() -%}{%- endmacro -%}
