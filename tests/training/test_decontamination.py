import gzip
import json

import pytest

from training.corpus.decontamination import EvaluationTexts
from training.errors import TrainingError

TASK = {
    "task_id": "T/1",
    "prompt": "def has_close_elements(numbers, threshold):\n",
    "canonical_solution": "    for idx, elem in enumerate(numbers):\n        if elem:\n",
    "suffix": "            distance = abs(elem - threshold)\n    return False\n",
    "test": "def check(candidate):\n    assert f([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) == 3\n",
}


@pytest.fixture
def evaluation(tmp_path):
    content = gzip.compress((json.dumps(TASK) + "\n").encode())
    (tmp_path / "set.jsonl.gz").write_bytes(content)
    return EvaluationTexts.read(tmp_path)


def check_overlap(evaluation, text, task_id):
    found = evaluation.overlap(text)

    assert (found and found.task_id) == task_id


def test_a_copy_is_found(evaluation):
    copy = "import os\n" + TASK["prompt"] + TASK["canonical_solution"] + TASK["suffix"]

    check_overlap(evaluation, copy, "T/1")


def test_a_reformatted_copy_is_found(evaluation):
    copy = (TASK["prompt"] + TASK["canonical_solution"]).replace("    ", "\t").replace(", ", ",")

    check_overlap(evaluation, copy, "T/1")


def test_the_border_of_prompt_and_solution_is_no_hiding_place(evaluation):
    middle = "numbers, threshold):\n    for idx, elem in enumerate(numbers):\n        if elem:"

    check_overlap(evaluation, middle, "T/1")


def test_a_shared_idiom_is_no_copy(evaluation):
    check_overlap(evaluation, "for idx, elem in enumerate(numbers):\n    print(idx)\n", None)


def test_a_row_of_numbers_is_no_copy(evaluation):
    check_overlap(evaluation, "x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n", None)


def test_a_folder_without_evaluation_sets_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match=r"holds no \.jsonl"):
        EvaluationTexts.read(tmp_path)
