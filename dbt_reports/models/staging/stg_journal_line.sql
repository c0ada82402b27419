-- Every posted line, in the ledger's sign (debit positive). What the line says about its kind stands in `type_kind`.
{{ stage_journal_line(source('raw', 'journal_entry_line')) }}
