{{ config(meta={'scope': {
    'touched': 'year', 'columns': ['role', 'party_id', 'year'], 'nullable': ['year'],
}}) }}

-- Where what a party was invoiced in a year is not the sum of its months, products or sellers. `key` says which figure.
with invoiced as (
    select
        invoice.role,
        invoice.party_id,
        cast(extract(year from invoice.invoice_date) as integer) as year,
        sum(invoice.net_amount) as net_amount,
        sum(invoice.gross_amount) as gross_amount
    from {{ invoices_of_years() }} as invoice
    group by all
),

{% for name in ['month', 'product', 'seller'] %}
by_{{ name }} as (
    select
        part.role,
        part.party_id,
        part.year,
        sum(part.net_amount) as net_amount,
        sum(part.gross_amount) as gross_amount
    from {{ in_touched_years('year', ref('turnover_' ~ name)) }} as part
    group by part.role, part.party_id, part.year
),

{% endfor %}
offence as (
    {% for name in ['month', 'product', 'seller'] %}
    {% set first = loop.first %}
    {% for amount in ['net_amount', 'gross_amount'] %}
    {{ 'union all' if not (first and loop.first) }}
    select
        'invoiced_by_{{ name }}' as check_name,
        coalesce(invoiced.role, by_{{ name }}.role) as role,
        coalesce(invoiced.party_id, by_{{ name }}.party_id) as party_id,
        coalesce(invoiced.year, by_{{ name }}.year) as year,
        '{{ amount }}' as figure,
        coalesce(invoiced.{{ amount }}, 0) as expected,
        coalesce(by_{{ name }}.{{ amount }}, 0) as actual
    from invoiced
    full join by_{{ name }}
        on by_{{ name }}.role = invoiced.role
        and by_{{ name }}.party_id = invoiced.party_id
        and by_{{ name }}.year is not distinct from invoiced.year
    {% endfor %}
    {% endfor %}
)

select
    check_name,
    role,
    party_id,
    year,
    coalesce(year || ' ', '') || figure as key,
    cast(expected as decimal(19, 2)) as expected,
    cast(actual as decimal(19, 2)) as actual
from offence
where expected <> actual
