{#- A Python model is a stored procedure: its own code, the `dbt` object, and a handler that writes its data frame. -#}

{%- macro py_write_table(compiled_code, target_relation, temporary=False) -%}
{%- set transient = kpi_snowflake_catalog_relation().is_transient -%}
{{ compiled_code }}

def materialize(session, frame, relation):
    try:
        import pandas
    except ImportError:
        pandas = None
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        # What becomes of a pandas frame goes through the session's own schema first.
        session.use_database(relation.database)
        session.use_schema(relation.schema)
        frame = session.createDataFrame(frame)
    frame.write.mode("overwrite").save_as_table({{ resolve_model_name(target_relation) | tojson }}, table_type="{{ 'temporary' if temporary else 'transient' if transient else '' }}")

def main(session):
    dbt = dbtObj(session.table)
    frame = model(dbt, session)
    materialize(session, frame, dbt.this)
    return "OK"
{%- endmacro -%}
