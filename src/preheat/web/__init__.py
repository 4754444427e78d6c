"""What Airflow's API server serves for us, below ``/preheat``: the webhook that Harbor calls.

Only the API server imports this package; the plugin sees to that.
"""
