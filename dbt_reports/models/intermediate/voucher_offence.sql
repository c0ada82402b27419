{{ config(meta={'scope': {'touched': 'voucher', 'columns': ['voucher_id']}}) }}

-- Vouchers that do not sum to zero; reported, never repaired.
select
    'voucher_sums_to_zero' as check_name,
    line.voucher_id,
    any_value(line.voucher_number) as voucher_number,
    cast(0 as decimal(19, 2)) as expected,
    cast(sum(line.amount) as decimal(19, 2)) as actual
from {{ ref('voucher_line') }} as line
{{ only_touched('voucher', {'voucher_id': 'line.voucher_id'}) }}
group by line.voucher_id
having sum(line.amount) <> 0
