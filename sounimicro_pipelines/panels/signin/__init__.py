"""Signing in to the panels with one's CRM account, in a pop-up, and the sessions that come of it.

`configuration` says whether people sign in at all; `routes` is the way through the identity provider and back;
`sessions` and `cookies` are what remains of it; `door` is what every request comes through.
"""
