"""The ERP as its vendor documents it, in memory: identity, business entities, statistics, files and events."""
