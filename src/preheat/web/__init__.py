"""What Airflow's API server serves for us, below ``/preheat``: Harbor's webhook, the REST API.

Only the API server imports this package; the plugin sees to that.
"""
