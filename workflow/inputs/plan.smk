"""What keeps the plans of large cohorts cheap."""

import gc
import inspect
from collections import Counter

import snakemake.dag
from snakemake.common import overwrite_function_params
from snakemake.resources import Resource
from snakemake.settings.enums import Quietness

#: How many searches of younger objects go before Python searches all objects for garbage (its own number is 10).
SEARCHES = 1000


def search_garbage_rarely():
    """Let Python seldom search all objects for garbage: a plan keeps what it makes, and is searched while it grows.

    Young objects are searched as ever, so that nothing piles up.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, SEARCHES)


def when_asked(list_files):
    """Make a function of what lists the files of all sessions, since a list is read at the start of each session's job."""

    def files_when_asked(wildcards):
        return list_files()

    return files_when_asked


def function_of(item):
    """Return the function behind an input, a parameter or a resource of a rule, none where it is no function."""
    item = getattr(item, "_file", item)
    item = getattr(item, "callable", None) or item
    return item if callable(item) and hasattr(item, "__dict__") else None


def remember_parameters():
    """Tell Snakemake the parameters of the rules' functions, which it would inspect at every call for every job."""
    functions = [Resource.evaluate]
    for one in workflow.rules:
        evaluated = (resource._evaluator for resource in one.resources.values())
        functions += filter(None, map(function_of, (*one.input, *one.params, *evaluated)))
    for function in functions:
        overwrite_function_params(function, inspect.signature(function).parameters)


def is_producer_for(keys, products, requested_output):
    """Return whether a rule that serves these sessions alone makes a file, as Snakemake asks, by a look at a set."""
    for product in products:
        if found := product.match(requested_output):
            return found["subject"] + found["run"] in keys
    return False


def confine_rules():
    """Let rules that write files of some sessions alone be asked for these alone, at a cost that all cohorts share."""
    for one in workflow.rules:
        if one.name in SERVED:
            one.is_producer = partial(is_producer_for, SERVED[one.name], list(one.products()))


def look_at_scripts_once():
    """Let Snakemake look whether a script is there once for its rule, where it would read it for every job of the rule."""
    processor = getattr(snakemake.dag, "ScriptProcessor", None)
    look, seen = getattr(processor, "process_job", None), set()
    if look is None:
        return

    def look_at_first(self, job):
        key = (self.script_type, job.rule.name)
        if key not in seen or "{" in str(getattr(job.rule, self.script_type)):
            look(self, job)
            seen.add(key)

    processor.process_job = look_at_first


def say_planned():
    """Say how many jobs of each rule a plan holds, and why they run."""
    counts, reasons = Counter(), defaultdict(dict)
    for job in workflow.dag.needrun_jobs():
        counts[job.rule.name] += 1
        reasons[job.rule.name].update(dict.fromkeys(workflow.dag.reason(job).get_names()))
    width = max(map(len, counts), default=0)
    rows = [(one.name, counts[one.name], "; ".join(reasons[one.name])) for one in workflow.rules if counts[one.name]]
    rows = [("job", "count", "why"), ("-" * width, "-----", "---"), *rows, ("total", sum(counts.values()), "")]
    if counts:
        logger.info("Job stats:\n" + "".join(f"{name:{width}}  {n:>7}  {why}".rstrip() + "\n" for name, n, why in rows))


def say_numbers_of_quiet_plans():
    """Let `-n -q` say how many jobs there are, as Snakemake's help has it; its own table is kept back by the `-q`.

    To tell every job, with what it asks for, is most of what the plan of a large cohort costs.
    """
    execute = workflow.execute

    def execute_and_say(*arguments, **options):
        done = execute(*arguments, **options)
        if workflow.output_settings.dryrun and workflow.output_settings.quiet == {Quietness.RULES, Quietness.PROGRESS}:
            say_planned()
        return done

    workflow.execute = execute_and_say
