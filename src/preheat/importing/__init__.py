"""Harbor's own preheat policies, made into policy files of ours; pure, the command asks Harbor."""
