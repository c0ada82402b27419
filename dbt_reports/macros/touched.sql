{# Incremental models rebuild whole scopes: every row of a touched document, party, voucher, project … is deleted and made
   anew, so that a row which is gone leaves no trace. A model names its scope in `meta.scope`: a touched_* model, the columns
   that both have, and the rebuilt_* model that tells the publisher where its rows may be others (`rebuilt`), when that goes
   by something larger. `nullable` are columns of the scope that may be null. #}

{% macro forget_touched() -%}
    {%- set scope = model.config.get('meta', {}).get('scope') -%}
    {%- if scope -%}
        {%- set touched = ref('touched_' ~ scope.touched) -%}
        {%- if is_incremental() -%}
            delete from {{ this }} as gone using {{ touched }} as touched where
            {%- for column in scope.columns %} gone.{{ column }} {{ same(column, scope.get('nullable', [])) }} touched.{{ column }}{{ ' and' if not loop.last }}{% endfor %}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# A budget's entry may lack its period; other columns of scopes are never null unless `meta.scope` says so. #}
{% macro same(column, nullable=[]) -%}
    {{ return('is not distinct from' if column == 'period' or column in nullable else '=') }}
{%- endmacro %}

{# Limits a from-clause to what was touched, in an incremental build. `columns` maps the touched model's columns to
   expressions. #}
{% macro only_touched(scope, columns) -%}
    {%- if not execute %}{% do ref('touched_' ~ scope) %}{% endif -%}
    {%- if is_incremental() %}{{ of_touched(scope, columns) }}{% endif -%}
{%- endmacro %}

{# The same in every build. A scan leaves out rows by a filter that DuckDB makes of a join's keys, but only of a join by one
   column; so each id is looked for by itself before all columns are compared. #}
{% macro of_touched(scope, columns) -%}
    {%- set touched = ref('touched_' ~ scope) -%}
    {%- for column, expression in columns.items() if column.endswith('_id') and columns | length > 1 %}
    semi join {{ sifted(touched, column) }} as near_{{ loop.index }} on near_{{ loop.index }}.{{ column }} = {{ expression }}
    {%- endfor %}
    semi join {{ touched }} as touched on
        {%- for column, expression in columns.items() %} touched.{{ column }} {{ same(column) }} {{ expression }}{{ ' and' if not loop.last }}{% endfor %}
{%- endmacro %}

{# A relation whose ids are looked for by a scan of something larger. Of all its ids, not only of the least and the greatest,
   DuckDB makes the scan's filter only if it is filtered itself; so it is, by what is true of every row. #}
{% macro sifted(relation, column) -%}
    (select * from {{ relation }} where hash({{ column }}) is not null)
{%- endmacro %}

{# The invoices that turnover is made of: all, or in an incremental build those of the touched years. #}
{% macro invoices_of_years() -%}
    {%- if not execute %}{% do ref('invoice') %}{% do ref('year_invoice') %}{% do ref('touched_year') %}{% endif -%}
    {{ return(ref('year_invoice') if is_incremental() else ref('invoice')) }}
{%- endmacro %}

{# Limits a table to the rows that stand in the touched years of `scope`, in an incremental build. The year is the table's own,
   or that of its column `day`. #}
{% macro in_touched_years(scope, table, day='') -%}
    {%- if not execute %}{% do ref('touched_' ~ scope) %}{% endif -%}
    {%- if is_incremental() -%}
    (
        {{ of_touched_years(scope, table, day) }}
    )
    {%- else -%}
    {{ table }}
    {%- endif -%}
{%- endmacro %}

{# The same in every build. What is of no year stands by itself, so that the others are looked for by their year or day, in
   whose order a table lies, or nearly so; and is not looked for unless something `undated` was touched. #}
{% macro of_touched_years(scope, table, day='') -%}
    {%- set touched = ref('touched_' ~ scope) -%}
    {%- set year = year_of('part.' ~ day) if day else 'part.year' -%}
        select part.*
        from {{ table }} as part
        {% if day %}
        semi join (
            select cast(unnest(generate_series(make_date(year, 1, 1), make_date(year, 12, 31), interval 1 day)) as date) as day
            from (select distinct year from {{ touched }} where year is not null) as touched_year
        ) as near on near.day = part.{{ day }}
        {% else %}
        semi join {{ touched }} as near on near.year = part.year
        {% endif %}
        semi join {{ sifted(touched, 'party_id') }} as near_party on near_party.party_id = part.party_id
        semi join {{ touched }} as touched
            on touched.role = part.role and touched.party_id = part.party_id and touched.year = {{ year }}
        {{ when('undated') }}
        union all
        select part.*
        from {{ table }} as part
        semi join {{ touched }} as touched
            on touched.role = part.role and touched.party_id = part.party_id and touched.year is null
        where part.{{ day or 'year' }} is null
        {{ end() }}
{%- endmacro %}

{# Parties' years in which the touched rows of a table stand, or stood in the table of the last build, which may be none.
   `ids` are the columns that the rows and what was touched have in common, `day` is the one that tells the year. #}
{% macro years_of_touched(scope, table, ids, day) -%}
    {%- if not execute %}{% do ref('touched_' ~ scope) %}{% endif -%}
    {%- set columns = {} -%}
    {%- for id in ids %}{% do columns.update({id: 'part.' ~ id}) %}{% endfor -%}
    {%- if table -%}
select distinct
    part.role,
    part.party_id,
    {{ year_of('part.' ~ day) }} as year
from {{ table }} as part
{{ of_touched(scope, columns) }}
    {%- else -%}
select
    cast(null as varchar) as role,
    cast(null as bigint) as party_id,
    cast(null as integer) as year
where false
    {%- endif -%}
{%- endmacro %}

{% macro year_of(day) -%}
    cast(extract(year from {{ day }}) as integer)
{%- endmacro %}

{# The keys of a raw table's rows that came since the last finished build. #}
{% macro changed(table) -%}
    (select id from {{ ref('changed_row') }} where table_name = '{{ table }}')
{%- endmacro %}

{# The changed records of one kind. #}
{% macro changed_record(record) -%}
    (select id from {{ ref('changed_record') }} where record = '{{ record }}')
{%- endmacro %}

{# One row if a record of one of these kinds changed, else none. #}
{% macro one_if_changed(records) -%}
    (select distinct 1 as one from {{ ref('changed_record') }} where record in ('{{ records | join("', '") }}'))
{%- endmacro %}

{# The kinds of records that all budgets and projects may show. #}
{% macro shown_by_budgets() -%}
    {{ return(['everything', 'chart', 'budget', 'budget_entry', 'ledger_account']) }}
{%- endmacro %}

{# Between `when` and `end` stands a part of a union that has no rows unless one of these was found to be changed: records, raw
   tables (`raw.` before them), the calendar (`new_day`, `new_year`), or a document without a day (`undated`). A build without
   dbt's start leaves it out then. #}
{% macro when(changes) -%}
    /* when {{ ([changes] if changes is string else changes) | join(' ') }} */
{%- endmacro %}

{% macro end() -%}
    /* end */
{%- endmacro %}
