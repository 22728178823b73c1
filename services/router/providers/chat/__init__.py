"""What every translation of a chat's request reads alike: functions, their calls, parameters that ask for nothing."""
