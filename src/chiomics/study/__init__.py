"""The results of a study over its years: why jobs run again, whom results hold, what is out of date and why."""
