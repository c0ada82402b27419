-- Parties whose rows must be made anew: because data changed (theirs now, or theirs at the last build), or because the
-- calendar did.
{% set entry = previous('intermediate', 'int_ledger_entry') %}
{% set invoice = previous('reports', 'invoice') %}
{% set invoice_line = previous('reports', 'invoice_line') %}
{% set sales_document = previous('reports', 'sales_document') %}
{% set sales_line = previous('reports', 'sales_line') %}
{% set matching = previous('reports', 'matching') %}
{% set open_item = previous('reports', 'open_item') %}
{% set party = previous('reports', 'party') %}
{% set seen = previous('reports_state', 'seen') %}
with everything as (
    select distinct 1 as one
    from {{ ref('changed_record') }}
    where record = 'everything'
),

calendar as (
    select * from {{ ref('calendar') }}
),

-- The lines that are paired with a changed line, or were paired with it, show it.
changed_line as (
    select id from {{ changed_record('journal_line') }}
    union
    select pair.line_1_id as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('matching') }} as changed on changed.id = pair.matching_id
    union
    select pair.line_2_id as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('matching') }} as changed on changed.id = pair.matching_id
    union
    select pair.line_2_id as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('journal_line') }} as changed on changed.id = pair.line_1_id
    union
    select pair.line_1_id as id
    from {{ ref('stg_matching') }} as pair
    semi join {{ changed_record('journal_line') }} as changed on changed.id = pair.line_2_id
),

touched as (
    select 'customer' as role, id as party_id from {{ changed_record('customer') }}
    union all
    select 'supplier' as role, id as party_id from {{ changed_record('supplier') }}
    union all
    select account.role, account.party_id
    from {{ ref('int_party_account') }} as account
    semi join {{ changed_record('account') }} as changed on changed.id = account.sub_account_id
    union all
    select account.role, account.party_id
    from {{ ref('stg_journal_line') }} as line
    semi join changed_line on changed_line.id = line.journal_entry_line_id
    join {{ ref('int_party_account') }} as account on account.sub_account_id = line.sub_account_id
    union all
    select 'customer' as role, document.customer_id as party_id
    from {{ ref('stg_customer_invoice') }} as document
    semi join {{ changed_record('customer_invoice') }} as changed on changed.id = document.invoice_id
    union all
    select 'supplier' as role, document.supplier_id as party_id
    from {{ ref('stg_supplier_invoice') }} as document
    semi join {{ changed_record('supplier_invoice') }} as changed on changed.id = document.invoice_id
    union all
    select 'customer' as role, document.customer_id as party_id
    from {{ ref('stg_order') }} as document
    semi join {{ changed_record('order') }} as changed on changed.id = document.order_id
    union all
    select 'customer' as role, document.customer_id as party_id
    from {{ ref('stg_quote') }} as document
    semi join {{ changed_record('quote') }} as changed on changed.id = document.quote_id

    -- whose the records were at the last build
    {% if entry %}
    union all
    select was.role, was.party_id
    from {{ entry }} as was
    semi join changed_line on changed_line.id = was.journal_entry_line_id
    union all
    select was.role, was.party_id
    from {{ entry }} as was
    semi join {{ changed_record('account') }} as changed on changed.id = was.sub_account_id
    {% endif %}
    {% if matching %}
    union all
    select was.role, was.party_id
    from {{ matching }} as was
    semi join {{ changed_record('matching') }} as changed on changed.id = was.matching_id
    union all
    select was.role, was.party_id
    from {{ matching }} as was
    semi join {{ changed_record('journal_line') }} as changed on changed.id = was.counter_line_id
    {% endif %}
    {% if invoice %}
    {% for role in ['customer', 'supplier'] %}
    union all
    select was.role, was.party_id
    from {{ invoice }} as was
    semi join {{ changed_record(role ~ '_invoice') }} as changed on changed.id = was.invoice_id
    where was.role = '{{ role }}'
    {% endfor %}
    {% endif %}
    {% if sales_document %}
    {% for document_type in ['order', 'quote'] %}
    union all
    select was.role, was.party_id
    from {{ sales_document }} as was
    semi join {{ changed_record(document_type) }} as changed on changed.id = was.document_id
    where was.document_type = '{{ document_type }}'
    {% endfor %}
    {% endif %}
    {% if invoice_line and sales_line %}
    union all
    select was.role, was.party_id
    from {{ sales_line }} as was
    semi join (
        select line.order_line_id
        from {{ invoice_line }} as line
        semi join {{ changed_record('customer_invoice') }} as changed on changed.id = line.invoice_id
        where line.role = 'customer'
    ) as invoiced on invoiced.order_line_id = was.line_id
    where was.document_type = 'order'
    {% endif %}

    -- all, when the company's currency or settings changed; some have documents or entries and are no party any more
    union all
    select party.role, party.party_id
    from {{ ref('int_party') }} as party
    cross join everything
    {% for shown in [entry, invoice, sales_document] if shown %}
    union all
    select was.role, was.party_id
    from {{ shown }} as was
    cross join everything
    {% endfor %}
    {% if seen and party and open_item and matching %}
    union all
    select was.role, was.party_id
    from {{ party }} as was
    cross join everything

    -- the calendar: another day for those with open items and for those whose payments enter or leave the last twelve
    -- months, another year for all
    union all
    select was.role, was.party_id
    from {{ party }} as was
    cross join calendar
    where calendar.is_new_year
    union all
    select was.role, was.party_id
    from {{ open_item }} as was
    cross join calendar
    where calendar.is_new_day
    union all
    select was.role, was.party_id
    from {{ matching }} as was
    cross join calendar
    where
        was.date > calendar.behaviour_from_1 and was.date <= calendar.behaviour_from_2
        or was.date > calendar.day_1 and was.date <= calendar.day_2
    {% endif %}
)

select distinct
    role,
    party_id
from touched
where party_id is not null
