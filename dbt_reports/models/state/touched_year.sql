-- Parties' years whose turnover must be made anew: a touched document stands in them, or stood there at the last build.
select role, party_id, year from {{ ref('held_year') }}
union
select
    invoice.role,
    invoice.party_id,
    cast(extract(year from invoice.invoice_date) as integer) as year
from {{ ref('invoice') }} as invoice
{{ of_touched('document', {'role': 'invoice.role', 'invoice_id': 'invoice.invoice_id'}) }}
