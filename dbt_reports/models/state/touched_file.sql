-- Files whose record or links changed.
select distinct id as file_id
from {{ ref('changed_record') }}
where record = 'file'
