"""Training targets: functions of the fields that moved with the samples. One file a target."""
