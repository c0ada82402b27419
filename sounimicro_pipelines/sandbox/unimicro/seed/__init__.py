"""Fills a company's store: chart and registers, the register's parties, then two years of trade."""
