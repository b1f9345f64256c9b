{#- The pipeline's own log: one row for each invocation that ran something. -#}
{% macro create_run_audit() -%}
create table if not exists {{ target.schema }}.run_audit (
    invocation_id varchar(36),
    command varchar(20),
    started_at timestamp,
    succeeded integer,
    warned integer,
    failed integer,
    skipped integer
)
{%- endmacro %}


{% macro record_run(results) -%}
    {%- if execute and results -%}
        {%- set count = namespace(succeeded=0, warned=0, failed=0, skipped=0) -%}
        {%- for result in results -%}
            {%- if result.status in ('success', 'pass') -%}
                {%- set count.succeeded = count.succeeded + 1 -%}
            {%- elif result.status == 'warn' -%}
                {%- set count.warned = count.warned + 1 -%}
            {%- elif result.status == 'skipped' -%}
                {%- set count.skipped = count.skipped + 1 -%}
            {%- elif result.status in ('error', 'fail', 'runtime error', 'partial success') -%}
                {%- set count.failed = count.failed + 1 -%}
            {%- endif -%}
        {%- endfor -%}
insert into {{ target.schema }}.run_audit values (
    '{{ invocation_id }}', '{{ flags.WHICH }}', cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp),
    {{ count.succeeded }}, {{ count.warned }}, {{ count.failed }}, {{ count.skipped }}
)
    {%- endif -%}
{%- endmacro %}
