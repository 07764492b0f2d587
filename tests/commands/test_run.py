"""`chiomics run`: the line that it calls, what it reads from Snakemake, locks, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml

from chiomics.cli import main
from chiomics.commands import run_call
from chiomics.commands.run_progress import Progress, read_usual_seconds, say_seconds
from chiomics.commands.run_snakemake import configuration, find_snakefile, from_here, nested, snakemake_line, targets_of
from chiomics.core.errors import InputError
from chiomics.core.failures import record_losses

WORKFLOW = """
rule all:
    input: expand("results/{n}.txt", n=range(3))

rule make:
    output: "results/{n}.txt"
    shell: "test ! -e stop_{wildcards.n} && sleep 0$(cat seconds 2>/dev/null) && touch {output}"
"""


@pytest.fixture
def line(tmp_path):
    """Return the arguments of a call of a workflow of three jobs."""
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(WORKFLOW)
    (tmp_path / "c.yaml").write_text("{}\n")
    return snakemake_line(
        ["all"], snakefile=snakefile, directory=tmp_path, configfiles=[tmp_path / "c.yaml"], cores="1"
    )


def test_dotted_keys_are_nested_and_values_are_yaml():
    found = nested(["qsm.inversions=[tkd, tv]", "qsm.preset=published", "index.participants=['01']", "redo=[qsm]"])
    assert found == {
        "qsm": {"inversions": ["tkd", "tv"], "preset": "published"}, "index": {"participants": ["01"]}, "redo": ["qsm"],
    }  # fmt: skip


@pytest.mark.parametrize("setting", ["qsm", "=1", "qsm..preset=1", "a=[1", "a b=1"])
def test_what_is_no_setting_is_refused_as_it_was_typed(setting):
    with pytest.raises(InputError, match="--config"):
        nested([setting])


def test_a_key_with_a_value_has_no_keys_below_it():
    with pytest.raises(InputError, match="keys below it"):
        nested(["qsm=1", "qsm.preset=published"])


def test_paths_typed_on_the_line_start_where_they_are_typed(tmp_path, monkeypatch):
    (tmp_path / "table.parquet").touch()
    monkeypatch.chdir(tmp_path)
    asked = nested(["features=table.parquet", "rims.model=absent.json", "anatomy.nuclei.atlas=allen2020", "redo=[qsm]"])
    given = from_here(asked)
    assert given.pop("features") == str(tmp_path / "table.parquet")
    asked.pop("features")
    assert given == asked, "what is no file here stays as it was typed"


def test_labels_stay_text_and_the_users_settings_go_last(tmp_path):
    asked = configuration(tmp_path, participants=["01"], sessions=None, settings=nested(["index.minimum_slices=8"]))
    path = run_call.write_configuration(tmp_path, asked)
    assert yaml.safe_load(path.read_text()) == {
        "bids_dir": str(tmp_path), "index": {"participants": ["01"], "minimum_slices": 8},
    }  # fmt: skip


def test_levels_are_targets():
    assert targets_of("participant", [], []) == ["qsm", "anatomy", "radiomics"]
    assert targets_of("participant", ["qsm"], []) == ["qsm"]
    assert targets_of("group", [], []) == ["all"]
    assert targets_of("group", [], ["yan2021"]) == ["yan2021"]
    with pytest.raises(InputError, match="group"):
        targets_of("participant", [], ["yan2021"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stage", "qms"], "qsm"),
        (["--paper", "yan"], "yan2021"),
        (["--cores", "0"], "whole number from 1 up"),
        (["--cores", "-1"], "whole number from 1 up"),
        (["--cores", "two"], "whole number from 1 up"),
    ],
)
def test_words_that_mean_nothing_are_refused_with_those_that_do(tmp_path, capsys, words, said):
    with pytest.raises(SystemExit):
        main(["run", str(tmp_path), str(tmp_path / "out"), "group", *words])
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_profile_is_one_of_ours_or_a_folder_with_one(tmp_path):
    """Snakemake takes none where there is no such folder, without a word."""
    snakefile = find_snakefile()

    def taken(profile: str) -> str:
        line = snakemake_line(["qsm"], snakefile=snakefile, directory=tmp_path, configfiles=[], profile=profile)
        return line[line.index("--workflow-profile") + 1]

    assert taken("slurm") == str(snakefile.parent / "profiles/slurm")
    for name in ("slrum", str(tmp_path)):
        with pytest.raises(InputError, match=f"no such profile; found {name}; expected default, generic, slurm, or"):
            taken(name)
    (tmp_path / "config.v9+.yaml").touch()
    assert taken(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("qsm.inversion=[tkd]", "inversions? All valid names"),
        ("anatomy.lesions.threshold=1.5", "anatomy.lesions, threshold"),
        ("bids_dir=/x", "the BIDS folder is given twice"),
    ],
)
def test_a_wrong_setting_is_answered_in_one_line_before_anything_is_written(tmp_path, capsys, setting, said):
    assert main(["qsm", str(tmp_path), str(tmp_path / "out"), "--config", setting]) == 2
    written = capsys.readouterr()
    assert said in written.err and len(written.err.splitlines()) == 1 and not written.out
    assert not (tmp_path / "out").exists()


def test_results_do_not_go_into_a_file(tmp_path, capsys):
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        assert main(["run", str(tmp_path), str(tmp_path / place), "group", "-n"]) == 2
        assert "the place of the results is a file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "qsm"])
@pytest.mark.parametrize("place", [".", "sub-01", "sub-01/anat/more", "../bids"])
def test_results_do_not_go_among_the_images(tmp_path, capsys, command, place):
    bids = tmp_path / "bids"
    (bids / "sub-01/anat").mkdir(parents=True)
    level = ["participant"] * (command == "run")
    assert main([command, str(bids), str(bids / place), *level, "-n"]) == 2
    assert str(bids / "derivatives/chiomics") in capsys.readouterr().err
    assert sorted(path.name for path in bids.rglob("*")) == ["anat", "sub-01"]


@pytest.mark.parametrize("place", ["sub-01", "sub-01/ses-1", "sub-01/ses-1/anat"])
@pytest.mark.parametrize("command", ["run", "qsm", "index"])
def test_a_participants_folder_is_not_taken_for_the_data_set(tmp_path, capsys, command, place):
    (tmp_path / "sub-01/ses-1/anat").mkdir(parents=True)
    out = {"run": ["{}", "group", "-n"], "qsm": ["{}"], "index": ["--output", "{}/manifest.tsv"]}[command]
    assert main([command, str(tmp_path / place), *(word.format(tmp_path / "out") for word in out)]) == 2
    said = capsys.readouterr().err
    assert "folder of one participant" in said
    assert f"{tmp_path}; --participant-label 01" in said
    assert not (tmp_path / "out").exists()


def test_a_run_ends_with_its_outputs_and_goes_on_after_a_failed_step(line, tmp_path, capfd):
    (tmp_path / "stop_1").touch()
    assert run_call.call(line, tmp_path) == 1
    said = capfd.readouterr().out
    assert "2 steps" in said
    assert "failed: make" in said
    assert "not all is done" in said
    log = re.search(r"all that Snakemake said: (\S+);", said)
    assert "Error in rule make" in Path(log[1]).read_text()
    assert said.startswith("snakemake --snakefile")
    (tmp_path / "stop_1").unlink()
    assert run_call.call(line, tmp_path) == 0
    assert "2 steps" in capfd.readouterr().out  # the one that failed, and the target
    assert not (tmp_path / run_call.RECORD).exists()


def test_the_lock_of_a_killed_run_is_lifted(line, tmp_path, capfd):
    (tmp_path / "seconds").write_text("60")
    call = f"run_call.call({line!r}, Path({str(tmp_path)!r}))"
    program = [sys.executable, "-c", f"from pathlib import Path; from chiomics.commands import run_call; {call}"]
    with subprocess.Popen(program, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        for _ in range(600):
            if any((tmp_path / ".snakemake/locks").glob("*")) and (tmp_path / run_call.RECORD).exists():
                break
            time.sleep(0.1)
        owner = json.loads((tmp_path / run_call.RECORD).read_text())["pid"]
        with pytest.raises(InputError, match="a run is at work"):
            run_call.call(line, tmp_path)
        os.killpg(run.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid) for pid in [owner] if psutil.pid_exists(pid)], timeout=30)
    (tmp_path / "seconds").unlink()
    assert run_call.call(line, tmp_path) == 0
    assert (tmp_path / "results/2.txt").exists()


def test_an_input_that_vanishes_after_the_plan_is_named(line, tmp_path, capfd):
    (tmp_path / "echo.nii.gz").touch()
    workflow = WORKFLOW.replace('output: "results', f'input: "{tmp_path}/echo.nii.gz"\n    output: "results')
    (tmp_path / "Snakefile").write_text(workflow.replace("touch {output}", "touch {output}; rm -f {input}"))
    assert run_call.call(line, tmp_path) == 1
    assert f"stopped: {tmp_path}/echo.nii.gz was there when the run was planned" in capfd.readouterr().out


@pytest.mark.parametrize("quickly", [True, False])
def test_a_call_that_is_terminated_ends_its_snakemake_and_the_next_goes_on(line, tmp_path, capfd, quickly):
    # as `timeout`, batch systems and containers do it, from a shell that ignores Ctrl-C for what it starts behind
    (tmp_path / "seconds").write_text("60")
    begin = "import signal; from pathlib import Path; from chiomics.commands import run_call"
    begin += "" if quickly else "; signal.signal(signal.SIGINT, signal.SIG_IGN); run_call.SECONDS_TO_END = 0.5"
    program = [sys.executable, "-c", f"{begin}; raise SystemExit(run_call.call({line!r}, Path({str(tmp_path)!r})))"]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        for _ in range(600):
            if any((tmp_path / ".snakemake/locks").glob("*")) and (tmp_path / run_call.RECORD).exists():
                break
            time.sleep(0.1)
        time.sleep(1)  # its jobs are under way
        below = psutil.Process(run.pid).children(recursive=True)
        run.terminate()
        assert run.wait(30) == 128 + signal.SIGTERM
    assert not psutil.wait_procs(below, timeout=10)[1], "nothing is left behind"
    (tmp_path / "seconds").unlink()
    assert run_call.call(line, tmp_path) == 0
    assert (tmp_path / "results/2.txt").exists()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_says_that_it_stopped_and_the_next_call_goes_on(line, tmp_path, times):
    (tmp_path / "seconds").write_text("60")
    begin = "import signal; from pathlib import Path; from chiomics.commands import run_call"
    begin += "; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell's background ignores it
    program = [sys.executable, "-c", f"{begin}; raise SystemExit(run_call.call({line!r}, Path({str(tmp_path)!r})))"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(program, start_new_session=True, **pipes) as run:
        for _ in range(600):
            if any((tmp_path / ".snakemake/locks").glob("*")) and (tmp_path / run_call.RECORD).exists():
                break
            time.sleep(0.1)
        time.sleep(1)  # its jobs are under way
        below = psutil.Process(run.pid).children(recursive=True)
        for _ in range(times):  # a terminal sends it to all of its foreground
            os.killpg(run.pid, signal.SIGINT)
            time.sleep(0.3)
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 128 + signal.SIGINT
    assert "stopped by Ctrl-C; the same command goes on from here" in said and "Traceback" not in said
    assert not psutil.wait_procs(below, timeout=10)[1], "nothing is left behind"
    (tmp_path / "seconds").unlink()
    assert run_call.call(line, tmp_path) == 0


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        (None, "a run of Snakemake has locked"),
        ({"host": "node7", "pid": 1, "started": 0}, "a run on node7"),
        ({"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}, "is at work"),
    ],
)
def test_a_lock_that_may_be_held_is_left(line, tmp_path, owner, said):
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    if owner:
        (tmp_path / run_call.RECORD).write_text(json.dumps(owner))
    with pytest.raises(InputError, match=said):
        run_call.lift_stale_lock(line, tmp_path)


def test_a_run_at_work_keeps_its_configuration(tmp_path, monkeypatch, capsys):
    """Jobs of a cluster read that file when they begin."""
    monkeypatch.setattr(run_call, "call", lambda *_, **__: 0)
    call = ["demo", str(tmp_path), "--config"]
    assert main([*call, "site.volumes=all"]) == 0
    kept = (tmp_path / run_call.CONFIGURATION).read_bytes()
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    (tmp_path / run_call.RECORD).write_text(json.dumps(owner))
    assert main([*call, "site.volumes=none", "-n"]) == 0, "it may be planned beside it"
    assert main([*call, "site.volumes=none"]) == 2
    assert "a run is at work in the folder" in capsys.readouterr().err
    assert (tmp_path / run_call.CONFIGURATION).read_bytes() == kept


def test_what_was_made_without_something_is_told_at_the_end(tmp_path, capsys):
    """A session without what is optional is no failure, and not all that was asked for either."""
    image = tmp_path / "image.nii.gz"
    image.touch()
    for number in range(7):
        record_losses(tmp_path / "results/qc/failed", f"sub-{number}", {"DWI": "it did not fit"}, inputs=[str(image)])
    progress = Progress(planned=Counter(map_anatomy=7, total=7), finished=Counter(map_anatomy=7))
    progress.lacking = ["nuclei are not made, everything else is: the atlas x is not at hand: https://x.org/a.nii.gz"]
    assert run_call._conclude(tmp_path, 0, progress, [], 1.0) == 0
    said = capsys.readouterr().out.splitlines()
    missing = tmp_path / "results/atlases/missing.json"
    assert f"{progress.lacking[0].split(': https')[0]}; {missing} says which files to put where" in said
    named = "sub-0, sub-1, sub-2, sub-3, sub-4, ..."
    assert f"made without DWI: 7 ({named}); why stands in {tmp_path / 'results/qc/failed'}" in said


def test_progress_counts_what_snakemake_says():
    now = [0.0]
    progress = Progress(clock=lambda: now[0])
    assert progress.seconds_left() is None
    left_out = ["yan2021 is left out: 3 participants of group MS", "zhang2022: no PyTorch; left out are qsmrim"]
    lacking = [
        "nuclei are not made, everything else is, and a later run makes them: the atlas x is not at hand: http://x"
    ]
    for text in ("Using workflow specific profile", *left_out, *lacking):
        progress.feed(text)
    assert progress.left_out == left_out
    assert progress.lacking == lacking
    plan = "Job stats:\njob   count\n----  -----\nreconstruct_qsm  4\nall  1\ntotal  5\n"
    for text in plan.splitlines():
        progress.feed(text)
    for number in (1, 2):
        for text in (
            "rule reconstruct_qsm:",
            f"    jobid: {number}",
            f"    wildcards: folder=sub-0{number}/ses-1, run=",
        ):
            progress.feed(text)
    now[0] = 10.0
    assert "running (qsm): reconstruct_qsm sub-01/ses-1, reconstruct_qsm sub-02/ses-1" in progress.line()
    assert "sessions 0 of 4 done, 2 running" in progress.line()
    progress.feed("Finished jobid: 1 (Rule: reconstruct_qsm)")
    progress.feed("1 of 5 steps (20%) done")
    assert progress.made() == {"maps": (1, 4)}
    # 3 maps and the target are left at 10 s each, of which the running one has spent 10 s; two ran at once
    assert progress.seconds_left() == pytest.approx((4 * 10 - 10) / 2)
    progress.feed("Error in rule reconstruct_qsm:")
    progress.feed("    jobid: 2")
    assert [job.folder for job in progress.failed] == ["sub-02/ses-1"]
    assert "1 of 5 steps" in progress.line()
    assert "1 failed" in progress.line()


def test_a_session_is_done_when_all_that_it_gets_is_made():
    progress = Progress(clock=lambda: 0.0)
    counts = {"reconstruct_qsm": 3, "map_anatomy": 2, "extract_features": 4, "all": 1}
    plan = ["Job stats:", "job   count", *(f"{rule}  {count}" for rule, count in counts.items()), "total  10"]
    for text in plan:
        progress.feed(text)
    done = []
    folders = ["sub-1", "sub-2", "sub-3", "sub-1", "sub-2", "sub-1", "sub-2", "sub-2", "sub-1", ""]
    jobs = zip((rule for rule, count in counts.items() for _ in range(count)), folders, strict=True)
    for number, (rule, folder) in enumerate(jobs):
        progress.feed(f"rule {rule}:")
        progress.feed(f"    jobid: {number}")
        progress.feed(f"    wildcards: folder={folder}, run=")
        progress.feed(f"Finished jobid: {number} (Rule: {rule})")
        done.append(progress.sessions()[0])
    # Two tables make a session whole, in any order; that which gets nothing but its map counts with the last.
    assert done == [0, 0, 0, 0, 0, 0, 0, 1, 3, 3]
    assert progress.sessions()[1:] == (0, 3)


def test_the_time_left_is_known_from_the_first_step_and_follows_this_machine():
    now = [0.0]
    progress = Progress(clock=lambda: now[0], usual={"simulate_subject": 5.0, "map_anatomy": 40.0})
    plan = "Job stats:\njob   count\n----  -----\nsimulate_subject  2\nmap_anatomy  2\nall  1\ntotal  5\n"
    for text in [*plan.splitlines(), "rule simulate_subject:", "    jobid: 1"]:
        progress.feed(text)
    assert progress.seconds_left() is None, "nothing says yet how fast this machine is"
    now[0] = 10.0
    progress.feed("Finished jobid: 1 (Rule: simulate_subject)")
    # twice the usual 5 s: one more of 10 s, two of 80 s, and the target at the mean of those rules; one ran at a time
    assert progress.seconds_left() == pytest.approx(10 + 2 * 80 + (10 + 80) / 2)


def test_usual_times_are_those_of_rules_of_the_workflow():
    folder = find_snakefile().parent / "workflow/rules"
    text = "".join(path.read_text() for path in folder.glob("*.smk"))
    for rule in read_usual_seconds():
        named = re.search(rf"\b{rule}\b", text) or rule.startswith(("draw_workflow_", "draw_seok2023", "draw_wang2020"))
        assert named, f"{rule} is no rule any more: measure the table anew"


def test_times_are_said_as_people_say_them():
    assert [say_seconds(s) for s in (40, 720, 12000)] == ["40 s", "12 min", "3 h 20 min"]


def test_usage_puts_what_must_be_given_first(capsys):
    for command in (["run"], ["index"], ["radiomics"]):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        usage = capsys.readouterr().out.splitlines()[0]
        assert usage.endswith("[options]"), usage
    assert "IMAGE MASK" in usage


def test_the_site_asks_for_a_run(tmp_path, capsys):
    assert main(["site", str(tmp_path)]) == 2
    assert "no run is known" in capsys.readouterr().err


def test_a_paper_takes_its_table_from_where_it_is_typed(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(run_call, "call", lambda line, *_, **__: called.append(line) or 0)
    monkeypatch.chdir(tmp_path)
    words = ["paper", "yan2021", "out", "--features", "tables/*.csv", "--columns", "map.yaml"]
    assert main(words) == 2, "there is no table yet"
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/site [1].csv").touch()
    (tmp_path / "map.yaml").touch()
    assert main(words) == 0
    assert called[0][-1] == "yan2021"
    assert yaml.safe_load((tmp_path / "out" / run_call.CONFIGURATION).read_text()) == {
        "features": str(tmp_path / "tables/*.csv"), "feature_columns": str(tmp_path / "map.yaml"),
    }  # fmt: skip


def test_a_part_is_the_run_of_its_target_and_keeps_the_settings_in_their_order(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(run_call, "call", lambda line, *_, **__: called.append(line) or 0)
    (tmp_path / "my.yaml").write_text("qsm: {preset: published, inversions: [star]}\n")
    words = ["--configfile", str(tmp_path / "my.yaml"), "--config", "qsm.preset=default"]
    assert main(["qsm", str(tmp_path), str(tmp_path / "out"), *words]) == 0
    assert main(["site", str(tmp_path / "out"), "--config", "site.volumes=none"]) == 0
    assert [line[-1] for line in called] == ["qsm", "site"]
    assert yaml.safe_load((tmp_path / "out" / run_call.CONFIGURATION).read_text()) == {
        "bids_dir": str(tmp_path), "qsm": {"preset": "default", "inversions": ["star"]}, "site": {"volumes": "none"},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a: [", "only words"])
def test_what_is_no_configuration_is_refused_with_its_file(tmp_path, capsys, text):
    (tmp_path / "my.yaml").write_text(text)
    assert main(["qsm", str(tmp_path), str(tmp_path / "out"), "--configfile", str(tmp_path / "my.yaml")]) == 2
    assert "my.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "quiet"), [([], True), (["-v"], False)])
def test_a_plan_says_how_many_jobs_there_are_and_in_many_words_each_of_them(tmp_path, monkeypatch, more, quiet):
    """Most of what a plan costs is to tell every job."""
    lines = []
    monkeypatch.setattr(run_call, "call", lambda line, *_, **__: lines.append(line) or 0)
    assert main(["demo", str(tmp_path), "-n", *more]) == 0
    assert ("--quiet" in lines[0]) == quiet
    assert main(["demo", str(tmp_path), *more]) == 0
    assert "--quiet" not in lines[1], "a run tells how it goes on"
