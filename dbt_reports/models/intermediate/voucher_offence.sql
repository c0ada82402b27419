{{ config(meta={'scope': {'touched': 'voucher', 'columns': ['voucher_id']}}) }}

-- Vouchers that do not sum to zero, and those that are posted on a sub-account which the register does not hold (the ERP
-- does not list a deleted one) or which is nobody's, so that no party can show them. Reported, never repaired.
select
    'voucher_sums_to_zero' as check_name,
    line.voucher_id,
    min(line.voucher_number) as voucher_number,
    cast(0 as decimal(19, 2)) as expected,
    cast(sum(line.amount) as decimal(19, 2)) as actual
from {{ ref('voucher_line') }} as line
{{ only_touched('voucher', {'voucher_id': 'line.voucher_id'}) }}
group by line.voucher_id
having sum(line.amount) <> 0

union all

select
    'ledger_party_is_known' as check_name,
    coalesce(line.voucher_id, 0) as voucher_id,
    min(line.voucher_number) as voucher_number,
    cast(0 as decimal(19, 2)) as expected,
    cast(sum(line.amount) as decimal(19, 2)) as actual
from {{ staged('journal_line') }} as line
{{ only_touched('voucher', {'voucher_id': 'coalesce(line.voucher_id, 0)'}) }}
anti join {{ ref('stg_account') }} as account
    on account.account_id = line.sub_account_id
    and coalesce(account.customer_id, account.supplier_id, account.employee_id) is not null
where line.sub_account_id is not null
group by coalesce(line.voucher_id, 0)
having sum(line.amount) <> 0
