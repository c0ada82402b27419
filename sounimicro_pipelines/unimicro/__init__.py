"""The ERP as its vendor documents it: sign-in, companies, entities, queries, change feeds, files, events."""
