{# Incremental models rebuild whole scopes: every row of a touched document, party, voucher, project … is deleted and made
   anew, so that a row which is gone leaves no trace. A model names its scope in `meta.scope`: a touched_* model, the columns
   that both have, and the rebuilt_* model that tells the publisher where its rows may be others (`rebuilt`), when that goes
   by something larger. #}

{% macro forget_touched() -%}
    {%- set scope = model.config.get('meta', {}).get('scope') -%}
    {%- if scope -%}
        {%- set touched = ref('touched_' ~ scope.touched) -%}
        {%- if is_incremental() -%}
            delete from {{ this }} as gone using {{ touched }} as touched where
            {%- for column in scope.columns %} gone.{{ column }} {{ same(column) }} touched.{{ column }}{{ ' and' if not loop.last }}{% endfor %}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# A budget's entry may lack its period; the other columns of scopes are never null. #}
{% macro same(column) -%}
    {{ return('is not distinct from' if column == 'period' else '=') }}
{%- endmacro %}

{# Limits a from-clause to what was touched. `columns` maps the touched model's columns to expressions. #}
{% macro only_touched(scope, columns) -%}
    {%- if not execute %}{% do ref('touched_' ~ scope) %}{% endif -%}
    {%- if is_incremental() -%}
    semi join {{ ref('touched_' ~ scope) }} as touched on
        {%- for column, expression in columns.items() %} touched.{{ column }} {{ same(column) }} {{ expression }}{{ ' and' if not loop.last }}{% endfor %}
    {%- endif -%}
{%- endmacro %}

{# The keys of a raw table's rows that came since the last finished build. #}
{% macro changed(table) -%}
    (select id from {{ ref('changed_row') }} where table_name = '{{ table }}')
{%- endmacro %}

{# The changed records of one kind. #}
{% macro changed_record(record) -%}
    (select id from {{ ref('changed_record') }} where record = '{{ record }}')
{%- endmacro %}
