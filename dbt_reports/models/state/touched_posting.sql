{{ config(meta={'when': ['touched_voucher']}) }}

-- What is posted now on the accounts, dimensions and periods of the touched vouchers, and of what they were at the last build.
with came as (
    {{ posted(ref('voucher_line'), of_touched('voucher', {'voucher_id': 'line.voucher_id'})) }}
),

total as (
    {{ moved(
        previous('intermediate', 'int_posting'), ref('held_posting'), 'came',
        ['account_id', 'project_id', 'department_id', 'year', 'period'],
        {'amount': 'decimal(19, 2)', 'line_count': 'bigint'},
        'account_id', only_other=false,
    ) }}
)

select * from total
