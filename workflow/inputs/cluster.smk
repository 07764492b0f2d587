"""What only runs on a cluster need: more memory and time at a retry, and no questions that a cluster cannot answer."""


def grown(wildcards, attempt, amount):
    """Multiply what a job asks for by the number of the try."""
    return attempt * amount


def grow_at_retries():
    """Let memory and time of the rules that ask for a fixed number grow when a job is tried again."""
    for one in workflow.rules:
        for name in ("mem_mb", "runtime"):
            amount = one.resources.get(name).raw
            if isinstance(amount, int):
                one.resources[name] = partial(grown, amount=amount)


def ask_for_no_account_where_none_are_kept():
    """Keep Slurm's plugin from guessing the account by sacct where Slurm keeps none: sacct only complains."""
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is None or shutil.which("scontrol") is None:
        return
    shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    if re.search(r"AccountingStorageType\s*=\s*(accounting_storage/none|\(null\))", shown):
        plugin.get_account = lambda logger: None
