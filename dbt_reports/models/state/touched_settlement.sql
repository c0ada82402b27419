{{ config(meta={'when': ['touched_entry']}) }}

-- Entries whose settlement must be looked at again: the touched ones, and those that are paired with one.
select journal_entry_line_id from {{ ref('touched_entry') }}
union
select pair.journal_entry_line_id
from {{ ref('matching') }} as pair
{{ of_touched('entry', {'journal_entry_line_id': 'pair.counter_line_id'}) }}
