"""Small versions of what `python -m analysis.reliability` does at length."""

import os
import subprocess
import sys

import pytest

from analysis.reliability import ONE_FILE, TASKS, CannotMount, Task, content_of_files, disk, expect, full_disk, killings, page, read_only
from analysis.runs import read_table

CARELESS = """
import os, sys, time
os.makedirs(sys.argv[1], exist_ok=True)
for _ in range(3):
    with open(sys.argv[1] + "/numbers.txt", "w") as file:
        for i in range(20):
            file.write(f"{i}\\n")
            file.flush()
            time.sleep(0.02)
"""


def look(folder, whole):
    there = content_of_files(folder)
    expect(there in ({}, whole), "numbers.txt is not whole")
    return "all" if there else "nothing"


careless = Task("careless", 1, lambda folder: [sys.executable, "-c", CARELESS.replace("\\n", "\\n"), str(folder)], content_of_files, look)


def test_killed_at_random_a_history_and_files_are_whole_and_go_on_to_the_same_bits(tmp_path):
    rows = killings([TASKS["history"], TASKS["files"]], 6, 2, 7, tmp_path / "work", tmp_path / "results", lambda _: None)
    assert len(rows) >= 6 and {row["task"] for row in rows} == {"history", "files"}
    assert all(not row["problem"] and row["identical"] == "yes" for row in rows), rows
    known = read_table(tmp_path / "results" / "kills.csv")
    assert [(row["task"], row["trial"], row["state"]) for row in known] == [(row["task"], row["trial"], row["state"]) for row in rows]
    again = killings([TASKS["history"], TASKS["files"]], 6, 2, 7, tmp_path / "work", tmp_path / "results", lambda _: None)  # all are there
    assert len(again) == len(rows)
    killings([TASKS["files"]], 1, 1, 8, tmp_path / "more", tmp_path / "results", lambda _: None)
    assert len(read_table(tmp_path / "results" / "kills.csv")) > len(rows)  # another seed adds to them
    text = page(rows, [], "Disks were skipped.", "by a test")
    assert "**no violation**" in text and "| history |" in text and "Disks were skipped." in text and f"{len(rows)} real kills" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("history", "files")])
def test_killed_at_random_trainings_and_studies_go_on_to_the_same_bits(name, tmp_path):
    rows = killings([TASKS[name]], 4, 2, 7, tmp_path / "work", tmp_path / "results", lambda _: None)
    assert len(rows) >= 4 and all(not row["problem"] and row["identical"] == "yes" for row in rows), rows


@pytest.mark.slow
def test_a_writer_that_is_killed_in_the_middle_of_a_file_is_found_out(tmp_path):
    rows = killings([careless], 6, 2, 0, tmp_path / "work", tmp_path / "results", lambda _: None)
    bad = [row for row in rows if row["problem"]]
    assert bad and {row["problem"] for row in bad} == {"Violation: numbers.txt is not whole"} and "**" + str(len(bad)) + " violations**" in page(rows, [], "", "")


def test_a_disk_that_is_full_or_closed_costs_one_line_and_nothing_else(tmp_path):
    try:
        with disk(tmp_path / "try"):
            pass
    except CannotMount:
        pytest.skip("mounting a tmpfs is not permitted here")
    rows = full_disk([ONE_FILE[1]], tmp_path / "full", lambda _: None, shares=(0.5,)) + read_only([ONE_FILE[1]], tmp_path / "closed", lambda _: None)
    assert [(row["what"], row["code"], row["state"], row["problem"], row["identical"]) for row in rows] == [
        (what, 1, "older", "", "yes") for what in ("full disk", "read-only folder", "read-only disk")]
    assert [row["message"].split(": ")[-1] for row in rows] == ["No space left on device", "Permission denied", "Read-only file system"]
    assert not subprocess.run(["grep", str(tmp_path), "/proc/mounts"], capture_output=True).stdout and os.path.isdir(tmp_path)
