-- Vouchers whose lines must be made anew: a line changed, or a name that it shows.
{% set voucher_line = previous('reports', 'voucher_line') %}
with changed_party as (
    select 'customer' as role, id as party_id from {{ changed_record('customer') }}
    union all
    select 'supplier' as role, id as party_id from {{ changed_record('supplier') }}
),

touched as (
    select line.voucher_id
    from {{ ref('stg_journal_line') }} as line
    semi join {{ changed_record('journal_line') }} as changed on changed.id = line.journal_entry_line_id
    {{ when('account') }}
    union all
    select line.voucher_id
    from {{ ref('stg_journal_line') }} as line
    semi join {{ changed_record('account') }} as changed on changed.id = line.account_id
    union all
    select line.voucher_id
    from {{ ref('stg_journal_line') }} as line
    semi join {{ changed_record('account') }} as changed on changed.id = line.sub_account_id
    {{ end() }}
    {{ when(['everything', 'chart']) }}
    union all
    select line.voucher_id
    from {{ ref('stg_journal_line') }} as line
    cross join {{ one_if_changed(['everything', 'chart']) }} as everything
    {{ end() }}
    {% if voucher_line %}
    {{ when('journal_line') }}
    union all
    select was.voucher_id
    from {{ voucher_line }} as was
    semi join {{ changed_record('journal_line') }} as changed on changed.id = was.journal_entry_line_id
    {{ end() }}
    {{ when(['customer', 'supplier']) }}
    union all
    select was.voucher_id
    from {{ voucher_line }} as was
    semi join changed_party on changed_party.role = was.party_role and changed_party.party_id = was.party_id
    {{ end() }}
    {% endif %}
)

select distinct coalesce(voucher_id, 0) as voucher_id
from touched
