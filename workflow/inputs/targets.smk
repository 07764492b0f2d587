"""What the terminal shows: with `snakemake --list` what a user calls, and of a job's lists of files as much as can be read."""

import logging

#: Rules with outputs of their own that are asked for by name.
ASKED_BY_NAME = {"predict_rims", "predict_flair"}
#: Characters of a line about a job; some of them list thousands of files. The log below .snakemake/log holds them whole.
LINE_LENGTH = 240


def list_what_users_call(list_all, only_targets=False):
    """Print the targets, each with what it is for; `--list-target-rules` has the rules that they need as well."""
    if only_targets:
        return list_all(only_targets=True)
    for one in sorted(workflow.rules, key=lambda one: one.name):
        if not one.output or one.name in ASKED_BY_NAME:
            print(f"{one.name} ({one.docstring})" if one.docstring else one.name)


class ShortLines(logging.Formatter):
    """Cuts the lines about files of jobs, which are indented."""

    def __init__(self, whole):
        """Take the formatter that writes them."""
        super().__init__()
        self.whole = whole

    def format(self, record):
        """Write a record."""
        return "\n".join(map(self.cut, (self.whole.format(record) or "").split("\n")))

    @staticmethod
    def cut(line):
        """Cut one line behind a file's name."""
        if len(line) <= LINE_LENGTH or not re.match(r" +(input|output|reason|updated input files):? ?", line):
            return line
        start = line[:LINE_LENGTH].rpartition(", ")[0] or line[:LINE_LENGTH]
        return f"{start}, ... ({line.count(', ') - start.count(', ')} more)"


if str(workflow.basedir) == ROOT:  # not within a workflow that uses this one
    workflow.list_rules = partial(list_what_users_call, workflow.list_rules)
    if workflow.is_main_process and not workflow.output_settings.verbose:
        for handler in logger.handlers:
            if handler.name == "DefaultStreamHandler":
                handler.setFormatter(ShortLines(handler.formatter))
