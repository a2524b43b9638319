"""The interactive front: `session` evaluates and commands, the front ends (`plain`, `screen`) only read."""
