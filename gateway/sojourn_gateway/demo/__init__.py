"""The demo: two real programs in two processes share one session, on recorded model traffic.

The programs are run as scripts of their own, as a user would write them; nothing of the gateway is imported here.
"""
