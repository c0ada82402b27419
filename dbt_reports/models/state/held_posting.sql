{{ config(meta={'when': ['touched_voucher']}) }}

-- What the touched vouchers had posted at the last build.
{% set voucher_line = previous('reports', 'voucher_line') %}
{% if voucher_line %}
{{ posted(voucher_line, of_touched('voucher', {'voucher_id': 'line.voucher_id'})) }}
{% else %}
select
    cast(null as bigint) as account_id,
    cast(null as bigint) as project_id,
    cast(null as bigint) as department_id,
    cast(null as integer) as year,
    cast(null as integer) as period,
    cast(0 as decimal(19, 2)) as amount,
    cast(0 as bigint) as line_count
where false
{% endif %}
-- depends_on: {{ ref('touched_voucher') }}
