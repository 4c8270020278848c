"""Recent answers; answers again when the user types through one."""
