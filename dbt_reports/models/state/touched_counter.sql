{{ config(meta={'when': ['touched_settlement']}) }}

-- What the entries whose settlement must be looked at again are paired with.
select distinct pair.counter_line_id as journal_entry_line_id
from {{ ref('matching') }} as pair
{{ of_touched('settlement', {'journal_entry_line_id': 'pair.journal_entry_line_id'}) }}
where pair.counter_line_id is not null
