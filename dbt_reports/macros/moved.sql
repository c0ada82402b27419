{# Sums that follow what moved: what went is taken off the sums of the last build, what came is added. A model of such sums
   has a held_* model of what the touched records had a part in at the last build, and takes its rows from a touched_* model
   of the new sums. One of the sums is a count, by which a row is known to be gone. #}

{# The new sums of what moved. `was` is the table of sums as the last build left it, or none; `went` and `came` are relations
   with the columns of `keys` (null or not) and of `sums` (name: type); `near` is a key column that is never null, `in_order_of`
   another one by which the old sums lie in order. Sums that are what they were stand there too unless `only_other`. `beside`
   are columns (name: type) that the old sums have beside them, which come out as was_*; `unordered` is the change without
   which `in_order_of` is never null. #}
{% macro moved(was, went, came, keys, sums, near, only_other=true, in_order_of=none, beside={}, unordered=none) -%}
with moved as (
    select {{ keys | join(', ') }}, {% for sum in sums %}-{{ sum }} as {{ sum }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ went }}
    union all
    select {{ keys | join(', ') }}, {{ sums | join(', ') }}
    from {{ came }}
),

net as (
    select {{ keys | join(', ') }}, {% for sum in sums %}sum({{ sum }}) as {{ sum }}{{ ', ' if not loop.last }}{% endfor %}
    from moved
    group by {{ keys | join(', ') }}
    {% if only_other %}having {% for sum in sums %}sum({{ sum }}) <> 0{{ ' or ' if not loop.last }}{% endfor %}{% endif %}
)

select
    {% for key in keys %}
    net.{{ key }},
    {% endfor %}
    {% for sum, type in sums.items() %}
    cast(net.{{ sum }}{% if was %} + coalesce(was.{{ sum }}, 0){% endif %} as {{ type }}) as {{ sum }}{{ ',' if not loop.last or beside }}
    {% endfor %}
    {% for column, type in beside.items() %}
    {{ 'was.' ~ column if was else 'cast(null as ' ~ type ~ ')' }} as was_{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from net
{% if was %}
left join (
    select was.*
    from {{ was }} as was
    semi join {{ sifted('net', near) }} as near on near.{{ near }} = was.{{ near }}
    {% if in_order_of %}
    semi join net as near_2 on near_2.{{ in_order_of }} = was.{{ in_order_of }}
    {{ when(unordered) if unordered else '' }}
    union all
    select was.*
    from {{ was }} as was
    where was.{{ in_order_of }} is null
    {{ end() if unordered else '' }}
    {% endif %}
) as was
    on {% for key in keys %}was.{{ key }} {{ '=' if key == near else 'is not distinct from' }} net.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{% endif %}
{%- endmacro %}

{# What is posted of some lines, by account, dimensions and period. #}
{% macro posted(lines, only='') -%}
select
    line.account_id,
    line.project_id,
    line.department_id,
    line.year,
    line.period,
    cast(sum(line.amount) as decimal(19, 2)) as amount,
    count(*) as line_count
from {{ lines }} as line
{{ only }}
where line.account_id is not null
group by line.account_id, line.project_id, line.department_id, line.year, line.period
{%- endmacro %}

{# What entries of sub-ledgers add up to in each party's years. A statement shows what is not credited. #}
{% macro ledger_of_years(entries, only='') -%}
select
    entry.role,
    entry.party_id,
    {{ year_of('entry.financial_date') }} as year,
    cast(sum(entry.amount) as decimal(19, 2)) as balance,
    cast(coalesce(sum(entry.amount) filter (where not entry.is_credited), 0) as decimal(19, 2)) as shown_balance,
    count(*) as entry_count,
    max(entry.financial_date) filter (where {{ is_shown_payment('entry') }}) as last_payment_date
from {{ entries }} as entry
{{ only }}
group by entry.role, entry.party_id, {{ year_of('entry.financial_date') }}
{%- endmacro %}

{% macro is_shown_payment(entry) -%}
    {{ entry }}.kind = 'payment' and {{ entry }}.amount < 0 and not {{ entry }}.is_credited
{%- endmacro %}

{# What the register budgets for customers, whose budgets it tells apart by their number. #}
{% macro registered_budget() -%}
(
    select
        'customer' as scope,
        customer.customer_id as scope_id,
        budget.year,
        budget.period,
        cast(sum(budget.amount) as decimal(19, 2)) as amount
    from {{ ref('stg_customer_budget') }} as budget
    join {{ ref('stg_customer') }} as customer on customer.number = budget.customer_number
    group by customer.customer_id, budget.year, budget.period
)
{%- endmacro %}

{# What customers were invoiced excluding VAT, with the financial year and period of each invoice. #}
{% macro invoiced_in_periods(invoices, of_invoice='') -%}
(
    select
        invoice.party_id,
        cast(coalesce(accounting_day.year, extract(year from invoice.invoice_date)) as integer) as year,
        cast(coalesce(accounting_day.period, extract(month from invoice.invoice_date)) as integer) as period,
        invoice.net_amount
    from {{ invoices }} as invoice
    {{ of_invoice }}
    left join {{ ref('accounting_day') }} as accounting_day on accounting_day.day = invoice.invoice_date
    where invoice.role = 'customer' and invoice.invoice_date is not null
)
{%- endmacro %}

{# What is invoiced on projects by some documents. Lines count on their own project; what an invoice has beside its lines
   counts on the invoice's. `of_invoice` and `of_line` limit the documents. #}
{% macro invoiced_on_projects(invoices, lines, of_invoice='', of_line='') -%}
select
    project_id,
    cast(sum(amount) as decimal(19, 2)) as amount,
    count(*) as part_count
from (
    select
        line.project_id,
        line.net_amount as amount
    from {{ lines }} as line
    {{ of_line }}
    where line.role = 'customer' and line.project_id is not null

    union all

    select
        invoice.project_id,
        invoice.net_amount as amount
    from {{ invoices }} as invoice
    {{ of_invoice }}
    where invoice.role = 'customer' and invoice.project_id is not null

    union all

    select
        invoice.project_id,
        -line.net_amount as amount
    from {{ lines }} as line
    {{ of_line }}
    join {{ invoices }} as invoice on invoice.role = line.role and invoice.invoice_id = line.invoice_id
    where invoice.role = 'customer' and invoice.project_id is not null
) as part
group by project_id
{%- endmacro %}

{# What some documents invoice of each product and year. Rows without product: text lines,
   rounding, and `unspecified`, the part of invoices that stands on no line at all, so
   that the sum is always the invoiced total. #}
{% macro invoiced_of_products(invoices, lines, of_invoice='', of_line='') -%}
with line as (
    select line.*
    from {{ lines }} as line
    {{ of_line }}
),

line_total as (
    select
        role,
        invoice_id,
        sum(net_amount) as net_amount,
        sum(vat_amount) as vat_amount,
        sum(gross_amount) as gross_amount
    from line
    group by role, invoice_id
),

part as (
    select
        role,
        party_id,
        product_id,
        product_number,
        case when product_id is not null then product_name end as product_name,
        kind,
        invoice_date,
        invoice_id,
        quantity,
        net_amount,
        vat_amount,
        gross_amount
    from line

    union all

    select
        invoice.role,
        invoice.party_id,
        null as product_id,
        null as product_number,
        null as product_name,
        'unspecified' as kind,
        invoice.invoice_date,
        invoice.invoice_id,
        0 as quantity,
        invoice.net_amount - coalesce(line_total.net_amount, 0) as net_amount,
        invoice.vat_amount - coalesce(line_total.vat_amount, 0) as vat_amount,
        invoice.gross_amount - coalesce(line_total.gross_amount, 0) as gross_amount
    from {{ invoices }} as invoice
    {{ of_invoice }}
    left join line_total on line_total.role = invoice.role and line_total.invoice_id = invoice.invoice_id
    where
        invoice.net_amount <> coalesce(line_total.net_amount, 0)
        or invoice.vat_amount <> coalesce(line_total.vat_amount, 0)
        or invoice.gross_amount <> coalesce(line_total.gross_amount, 0)
)

select
    role,
    party_id,
    product_id,
    product_number,
    max(product_name) as product_name,
    kind,
    cast(extract(year from invoice_date) as integer) as year,
    cast(sum(quantity) as decimal(19, 6)) as quantity,
    cast(sum(net_amount) as decimal(19, 2)) as net_amount,
    cast(sum(vat_amount) as decimal(19, 2)) as vat_amount,
    cast(sum(gross_amount) as decimal(19, 2)) as gross_amount,
    count(distinct invoice_id) as invoice_count
from part
group by role, party_id, product_id, product_number, kind, cast(extract(year from invoice_date) as integer)
{%- endmacro %}
