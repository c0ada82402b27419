{# Tables with exact decimals that are kept uncompressed. They are 128-bit numbers, and DuckDB takes a third of a microsecond
   to unpack one of them: a table with three amounts reads twenty times as fast without. Constant columns stay small. A
   DuckLake keeps its data in Parquet files, where nothing of the kind can be said. #}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- if temporary or adapter.is_ducklake(relation) -%}
        create {{ 'temporary' if temporary }} table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
        as ({{ compiled_code }}
        );
    {%- else -%}
        create table {{ relation }} (
            {%- for column in run_query('describe (' ~ compiled_code ~ '\n)') %}
            {{ adapter.quote(column['column_name']) }} {{ column['column_type'] }}
            {%- if column['column_type'].startswith('DECIMAL') %} using compression uncompressed{% endif %}
            {{- ',' if not loop.last }}
            {%- endfor %}
        );
        insert into {{ relation }} ({{ compiled_code }}
        );
    {%- endif -%}
{%- endmacro %}

{# What grows with the years lies in their order after a full refresh. What changes is of a year or two, and a scan leaves out
   whole row groups of the others where it joins by a column that is in order. Wide rows are put in order before what they
   show is joined to them; hardly any loses its place then. #}
{% macro in_order_of(column) -%}
    {%- if not is_incremental() %}order by {{ column }}{% endif -%}
{%- endmacro %}
