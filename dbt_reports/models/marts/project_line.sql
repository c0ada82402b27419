{{ config(meta={
    'publish': {'key': ['voucher_id', 'journal_entry_line_id'], 'index': [['project_id']]},
    'scope': {'touched': 'voucher', 'columns': ['voucher_id']},
}) }}

-- The income and cost posted on a project: income × −1, cost in the ledger's sign.
select
    line.project_id,
    line.journal_entry_line_id,
    line.financial_date,
    line.year,
    line.period,
    line.account_number,
    line.account_name,
    line.voucher_id,
    line.voucher_number,
    line.party,
    line.text,
    case when line.account_class = '3' then cast(-line.amount as decimal(19, 2)) else line.amount end as amount,
    case when line.account_class = '3' then 'income' else 'cost' end as kind
from {{ ref('voucher_line') }} as line
{{ only_touched('voucher', {'voucher_id': 'line.voucher_id'}) }}
where line.project_id is not null and line.account_class in ('3', '4', '5', '6', '7', '8')
