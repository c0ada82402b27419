{{ config(meta={'scope': {
    'touched': 'posting',
    'columns': ['account_id', 'project_id', 'department_id', 'year', 'period'],
    'nullable': ['project_id', 'department_id', 'year', 'period'],
}}) }}

-- What is posted on each account by dimensions and period, in the ledger's sign.
{% if is_incremental() %}
select
    account_id,
    project_id,
    department_id,
    year,
    period,
    amount,
    line_count
from {{ ref('touched_posting') }}
where line_count > 0
{% else %}
{{ posted(ref('voucher_line')) }}
{% endif %}
-- depends_on: {{ ref('voucher_line') }}, {{ ref('touched_posting') }}
