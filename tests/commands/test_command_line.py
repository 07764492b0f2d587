"""One style of help for every command, and what shells complete: the scripts are asked in the shells themselves."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chiomics.cli import build_parser, main
from chiomics.commands.completion import walk, write_completion
from chiomics.core.command_line import examples_of, subcommands_of
from chiomics.core.images import write_image

SHELLS = ("bash", "zsh", "fish")


def parsers(parser=None, path=""):
    """Yield every command with its words."""
    parser = parser or build_parser()
    for name, child in subcommands_of(parser).items():
        yield f"{path} {name}".strip(), child
        yield from parsers(child, f"{path} {name}".strip())


EVERY = dict(parsers())


def words_of(line: str) -> list[str]:
    """Return the words of an example's call of chiomics."""
    words = shlex.split(line.replace('eval "$(', "").replace(')"', ""), comments=True)
    return words[: words.index("|")] if "|" in words else words


@pytest.mark.parametrize("path", EVERY)
def test_every_command_has_an_example_that_its_parser_takes(path):
    examples = examples_of(EVERY[path])
    assert examples
    for line in examples:
        words = words_of(line)
        assert words[: 1 + len(path.split())] == ["chiomics", *path.split()], line
        build_parser().parse_args(words[1:])


@pytest.mark.parametrize("path", EVERY)
def test_every_command_says_what_it_is_for_and_every_argument_what_it_means(path):
    text = EVERY[path].format_help()
    assert "Research use only, not for diagnosis." in " ".join(text.split())
    for action in EVERY[path]._actions:
        assert action.help or subcommands_of(EVERY[path]), f"{path}: {action.dest}"


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("typed", ["0,004", "0.004,0.008", "4ms", "x"])
def test_what_is_no_number_is_told_in_words(path, typed):
    """Argparse alone would name the function that reads the value."""
    for action in EVERY[path]._actions:
        if action.type not in (None, Path):
            with pytest.raises(argparse.ArgumentTypeError, match=re.escape(typed)):
                action.type(typed)


@pytest.mark.parametrize("path", EVERY)
def test_a_number_of_threads_or_cores_is_at_least_one(path):
    for action in EVERY[path]._actions:
        if action.dest in ("threads", "cores", "mem_mb", "minimum_slices"):
            with pytest.raises(argparse.ArgumentTypeError):
                action.type("0")


@pytest.mark.parametrize("path", EVERY)
def test_an_option_that_a_command_does_not_have_is_refused_by_that_command(path, capsys):
    words = words_of(examples_of(EVERY[path])[0])
    with pytest.raises(SystemExit):
        build_parser().parse_args([*words[1:], "--hlep"])
    said = capsys.readouterr().err
    command = " ".join(("chiomics", path, *(word for word in words[2:3] if word in subcommands_of(EVERY[path]))))
    assert said.startswith(f"usage: {command} "), said
    assert "there is no option --hlep; did you mean --help?" in said and f"{command} --help says more" in said


def test_an_option_is_not_taken_for_a_longer_one(capsys):
    with pytest.raises(SystemExit):
        main(["qsm", "run", "--phase", "p.nii", "--magnitude", "m.nii", "-o", "chi.nii", "--te", "0.01", "--b0", "3"])
    assert "there is no option --b0; did you mean --b0-direction?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["diagnosis"], ["rims"], ["flair"]])
def test_a_command_of_commands_alone_shows_them(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "example:" in said and all(
        name in said for name in subcommands_of(EVERY.get(" ".join(words), build_parser()))
    )


def of_several(path):
    """Return the options of several values of a command that needs words without an option, and those words."""
    parser = EVERY[path]
    needed = [action for action in parser._get_positional_actions() if action.required]
    several = [action for action in parser._actions if action.option_strings and action.nargs in ("+", "*")]
    return several if needed else [], [sample(action) for action in needed]


def sample(action):
    """Return a word that an argument takes."""
    if action.dest == "config":
        return "a=1"
    return str(next(iter(action.choices))) if action.choices else "1"


OF_SEVERAL = [(path, action) for path in EVERY for action in of_several(path)[0]]


@pytest.mark.parametrize(("path", "action"), OF_SEVERAL, ids=[f"{p} {a.option_strings[0]}" for p, a in OF_SEVERAL])
def test_an_option_that_took_the_words_behind_it_is_named_and_the_ways_out_work(path, action, capsys):
    words = of_several(path)[1]
    swallowed = [action.option_strings[0], sample(action), *words]
    others = [word for one in EVERY[path]._actions if one.option_strings and one.required and one is not action
              for word in (one.option_strings[0], sample(one))]  # fmt: skip
    with pytest.raises(SystemExit):
        build_parser().parse_args([*path.split(), *others, *swallowed])
    said = capsys.readouterr().err
    assert f"{swallowed[0]} takes every word behind it ({' '.join(swallowed[1:])}): put " in said
    shown = next(line for line in said.splitlines() if line.startswith("usage"))
    assert said.split("): put ")[1].split(" before it, or -- between")[0] in shown
    for line in ([*words, *others, *swallowed[:2]], [*others, *swallowed[:2], "--", *words]):
        build_parser().parse_args([*path.split(), *line])


def test_no_option_is_blamed_where_all_words_are_there(capsys):
    for words in (["index"], ["radiomics", "a", "b", "--labels", "1", "x"], ["qsm", "invert", "f", "--magnitude", "a"]):
        with pytest.raises(SystemExit):
            build_parser().parse_args(words)
        assert "takes every word" not in capsys.readouterr().err


def test_a_reader_that_has_enough_ends_a_command_without_a_word():
    call = [sys.executable, "-m", "chiomics", "completion", "bash"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_ctrl_c_ends_a_command_with_a_line(monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("chiomics.commands.completion.write_completion", stopped)
    assert main(["completion", "bash"]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == "chiomics: stopped by Ctrl-C; no file is half written\n"


def test_a_folder_in_the_place_of_an_output_is_told_in_a_line(tmp_path, capsys):
    image, mask = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    write_image(image, np.arange(5.0**3).reshape(5, 5, 5), np.eye(4))
    write_image(mask, np.ones((5, 5, 5), np.uint8), np.eye(4))
    for taken in (tmp_path / "features.tsv", tmp_path / "image.nii.gz" / "features.tsv"):  # a folder, below a file
        if taken.parent == tmp_path:
            taken.mkdir()
        assert main(["radiomics", str(image), str(mask), "-o", str(taken)]) == 2
        said = capsys.readouterr().err
        assert f"chiomics: error: {taken if taken.parent == tmp_path else image}" in said
        assert "Traceback" not in said


def test_a_word_too_many_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["run", "a", "b", "group", "extra"])
    assert "extra: one word too many" in capsys.readouterr().err


def test_arguments_are_shown_in_one_style():
    for path, parser in EVERY.items():
        for action in parser._actions:
            shown = action.metavar or action.dest
            if not action.option_strings and not subcommands_of(parser):
                assert shown.isupper() or shown.startswith("{"), f"{path}: {shown}"


def ask(shell: str, lines: list[str], folder) -> list[set[str]]:
    """Return what a shell offers behind each line."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = [write_completion(build_parser(), shell)]
    if shell == "zsh":  # compadd and _files work in the line editor alone: here they say what they were given
        script = ["compdef() { : }", "compadd() { shift; [[ $# -gt 0 ]] && print -l -- ${(M)@:#${PREFIX}*} }", *script]
        script += ["_files() { print -l -- ${PREFIX}*(N) }"]
    for line in lines:
        words = line.split(" ")
        if shell == "bash":
            quoted = " ".join(map(shlex.quote, words))
            script += [f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=(); _chiomics"]
            script += ['printf "%s\\n" "${COMPREPLY[@]}"']
        elif shell == "zsh":
            quoted = " ".join(map(shlex.quote, words))
            script += [f"words=({quoted}); CURRENT={len(words)}; PREFIX={shlex.quote(words[-1])}; _chiomics"]
        else:
            script += [f"complete -C {shlex.quote(line)}"]
        script.append("echo '====='")
    plain = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}[shell]
    done = subprocess.run(
        [shell, plain, "-c", "\n".join(script)],
        cwd=folder, capture_output=True, text=True, check=True, env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip
    assert not done.stderr, done.stderr
    parts = done.stdout.split("=====\n")[:-1]
    return [{line.split("\t")[0] for line in part.splitlines() if line} for part in parts]


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_choices_are_those_of_the_parsers(shell, tmp_path):
    commands = list(walk(build_parser()))
    starts = [f"chiomics {command.path} ".replace("  ", " ") for command in commands]
    offered = ask(shell, [*starts, *(f"{start}-" for start in starts), *(f"{start}--" for start in starts)], tmp_path)
    count = len(commands)
    for number, command in enumerate(commands):
        assert offered[number] >= {*command.commands, *command.values.words}, command.path
        options = {name for option in command.options for name in option.names}
        long = {name for name in options if name.startswith("--")}
        assert offered[2 * count + number] == long, command.path
        if shell != "fish":  # which offers the letters of short options behind a dash
            assert offered[count + number] == options, command.path


@pytest.mark.parametrize("shell", SHELLS)
def test_values_and_files_are_offered_where_they_are_taken(shell, tmp_path):
    (tmp_path / "my.yaml").touch()
    (tmp_path / "mine").mkdir()
    lines = [
        "chiomics run BIDS OUT group --paper ya",
        "chiomics run BIDS OUT group --stage qsm an",
        "chiomics run BIDS OUT group --cores ",
        "chiomics run BIDS OUT group --configfile my",
        "chiomics qsm mi",
        "chiomics radiomics image mask --unit p",
        "chiomics rims pre",
        "chiomics run rims pre",
    ]
    paper, stage, cores, file, folder, unit, action, none = ask(shell, lines, tmp_path)
    assert paper == {"yan2021"}
    assert stage == {"anatomy"}
    assert cores == set()
    assert file == {"my.yaml"}
    assert {name.rstrip("/") for name in folder} == {"mine"}
    assert unit == {"ppm", "ppb"}
    assert action == {"predict"}
    assert "predict" not in none, "the word after run is a folder, whatever its name"


def test_the_command_writes_the_script(capsys):
    assert main(["completion", "fish"]) == 0
    assert capsys.readouterr().out.strip() == write_completion(build_parser(), "fish").strip()


def test_the_package_can_be_called():
    done = subprocess.run([sys.executable, "-m", "chiomics", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("chiomics ")
