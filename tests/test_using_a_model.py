"""The commands that use a trained model: classes are matched by name, and one bad image stops nothing."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inception import __main__ as command
from inception.build import build_model
from inception.classes import places
from inception.commands.predict import find_images
from inception.evaluation import Evaluation
from inception.evaluation_report import as_json, table
from inception.lock import FolderLock
from inception.model import InceptionV3
from inception.recipes import Recipe
from inception.run_folder import new_folder
from inception.scores import class_scores, macro
from inception.state import Training
from inception.weights import Description, read_weights, save_weights
from inception.width import make_narrow

PETS = ("cat", "dog", "zebra")
WIDTH = 0.25


def save_image(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (90, 80, 3), np.uint8)).save(path)
    return path


def folders(root: Path, classes: tuple[str, ...], count: int = 2) -> Path:
    for split in ("train", "val"):
        for number, name in enumerate(classes):
            for i in range(count):
                save_image(root / split / name / f"{i}.png", 9 * number + i)
    return root


def always(answer: int, path: Path, classes: tuple[str, ...], **described: Any) -> Path:
    """Write a model that gives one answer to every image."""
    model = InceptionV3(len(classes), False, init_weights=False)
    make_narrow(model, WIDTH)
    model.fc.weight.array[...] = 0
    model.fc.bias.array[...] = 0
    model.fc.bias.array[answer] = 10
    save_weights(model, path, Description(classes, 75, **described) if classes[0] else None)
    return path


@pytest.fixture(scope="module")
def zebra(tmp_path_factory: Any) -> Path:
    """Return the weights of a model that takes every image for a zebra."""
    return always(2, tmp_path_factory.mktemp("model") / "zebra.safetensors", PETS)


@pytest.fixture(scope="module")
def pets(tmp_path_factory: Any) -> Path:
    """Return a folder with two images of each pet."""
    return folders(tmp_path_factory.mktemp("pets"), PETS)


def run(*arguments: Any, status: int = 0) -> None:
    assert command.main([str(argument) for argument in arguments]) == status


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


# --- evaluate ---


def test_evaluate_matches_the_classes_by_name(zebra: Path, tmp_path: Path, capsys: Any) -> None:
    root = folders(tmp_path / "two", ("dog", "zebra"))
    run("evaluate", "--weights", zebra, "--root", root, "--worst", 3, "--output", tmp_path / "out")
    shown, said = capsys.readouterr()
    assert "accuracy 50.0% of 4 images" in shown
    assert re.search(r"zebra +50\.0% +100\.0% +66\.7% +2\n", shown)
    assert f"loaded 566 tensors of {zebra}" in said
    found = results(tmp_path / "out")
    assert found["classes"] == [
        {"name": "dog", "precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 2},
        {"name": "zebra", "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "images": 2},
    ]
    assert found["confusion"] == [[0, 2], [0, 2]]
    assert (found["accuracy"], found["macro"]["recall"]) == (0.5, 0.5)
    worst = [(Path(each["image"]), each["truth"], each["answer"]) for each in found["worst"]]
    assert worst[:2] == [(root / "val" / "dog" / f"{i}.png", "dog", "zebra") for i in range(2)]
    assert found["worst"][0]["loss"] == pytest.approx(10, abs=0.01)
    assert f"{root}/val/dog/0.png: dog, taken for zebra" in shown
    names = {"results.json", "confusion.png", "classes.png", "worst.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_evaluate_refuses_classes_that_the_model_does_not_know_and_names_both(
    zebra: Path, tmp_path: Path, capsys: Any
) -> None:
    root = folders(tmp_path / "other", ("ant", "bee", "zebra"), 1)
    run("evaluate", "--weights", zebra, "--root", root, status=1)
    said = capsys.readouterr().err
    assert f"has the classes ant, bee, zebra; {zebra} knows cat, dog, zebra. Not among these: ant, bee" in said
    run("evaluate", "--weights", zebra, status=1)  # --data was forgotten
    said = capsys.readouterr().err
    assert "--data embedded (as none is given) has the classes T-shirt/top" in said
    assert "knows cat, dog, zebra" in said


def test_evaluate_takes_classes_without_names_in_order_only_if_all_are_there_and_says_so(
    pets: Path, tmp_path: Path, capsys: Any
) -> None:
    nameless = always(2, tmp_path / "nameless", ("", "", ""))
    given = ["evaluate", "--weights", nameless, "--image-size", 75, "--output", tmp_path / "out"]
    run(*given, "--root", folders(tmp_path / "two", ("dog", "zebra"), 1), status=1)
    assert "has 3 classes without names, the data have 2 (dog, zebra)" in capsys.readouterr().err
    run(*given, status=2)
    assert "does not name its classes: give the --data" in capsys.readouterr().err
    run(*given, "--root", pets)
    assert "taken in the order of the data's (cat, dog, zebra)" in capsys.readouterr().err
    assert [each["recall"] for each in results(tmp_path / "out")["classes"]] == [0, 0, 1]


def test_evaluate_overwrites_nothing(zebra: Path, pets: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("confusion.png").write_text("mine")
    evaluate = ["evaluate", "--weights", zebra, "--root", pets, "--limit", 1]
    run(*evaluate)
    assert Path("confusion.png").read_text() == "mine"
    (written,) = Path("evaluations").glob("*/confusion.png")
    run(*evaluate, "--output", written.parent, status=1)
    assert "results.json exists already: choose another --output" in capsys.readouterr().err
    run(*evaluate, "--output", "confusion.png", status=1)
    assert "--output confusion.png is a file" in capsys.readouterr().err
    run(*evaluate, "--output", "new", "--batch-size", 0, status=2)
    assert not Path("new").exists()
    capsys.readouterr()
    run(*evaluate, "--output", pets / "val" / "emu", status=2)
    assert "would be taken for a class of" in capsys.readouterr().err
    lock = FolderLock(written.parent)
    written.unlink()
    (written.parent / "results.json").unlink()
    (written.parent / "classes.png").unlink()
    run(*evaluate, "--output", written.parent, status=1)  # another process evaluates into it
    assert "is in use by process" in capsys.readouterr().err
    lock.release()


def test_folders_that_are_begun_in_the_same_second_are_different(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    first = new_folder()
    first.mkdir(parents=True)
    assert new_folder() != first


def test_evaluate_takes_the_split_that_is_named_and_needs_no_other(zebra: Path, tmp_path: Path, capsys: Any) -> None:
    for number, split in enumerate(("val", "test"), 1):
        for i in range(number):
            save_image(tmp_path / "pets" / split / "dog" / f"{i}.png")
    for arguments, count in (([], 1), (["--split", "val"], 1), (["--split", "test"], 2)):
        out = tmp_path / f"out{'-'.join(arguments)}"
        run("evaluate", "--weights", zebra, "--root", tmp_path / "pets", *arguments, "--output", out)
        assert results(out)["images"] == count
    run("evaluate", "--weights", zebra, "--root", tmp_path / "pets", "--split", "train", status=1)
    assert "no split train" in capsys.readouterr().err


def test_evaluate_leaves_out_corrupt_images_only_if_told_to(zebra: Path, tmp_path: Path, capsys: Any) -> None:
    root = folders(tmp_path / "pets", PETS, 1)
    (root / "val" / "cat" / "bad.jpg").write_bytes(b"no image")
    evaluate = ["evaluate", "--weights", zebra, "--root", root, "--output", tmp_path / "out"]
    run(*evaluate, status=1)
    said = capsys.readouterr().err
    assert "bad.jpg" in said
    assert "--skip-corrupt" in said
    assert not (tmp_path / "out").exists()
    run(*evaluate, "--skip-corrupt")
    assert "bad.jpg" in capsys.readouterr().err
    assert results(tmp_path / "out")["images"] == 3


def test_names_are_matched_whatever_their_order_and_the_composition_of_their_accents() -> None:
    assert places(("b", "a"), ("a", "b", "c"), "", "") == [1, 0]
    assert places(("cafe\u0301",), ("tea", "caf\u00e9"), "", "") == [1]
    assert places(("crane", "crane"), ("crane", "crane"), "", "") == [0, 1]
    with pytest.raises(ValueError, match=r"Not among these: a, b, c, d, e and 2 more"):
        places(("a", "b", "c", "d", "e", "f", "g", "x"), ("x",), "", "")
    with pytest.raises(ValueError, match="crane more than once"):
        places(("crane",), ("crane", "crane", "owl"), "", "")


def test_precision_recall_and_f1_are_those_of_scikit_learn() -> None:
    scores_of = pytest.importorskip("sklearn.metrics").precision_recall_fscore_support
    random = np.random.default_rng(0)
    labels, predictions = random.integers(0, 4, 60), random.integers(0, 5, 60)  # class 4 is only an answer, 5 nothing
    found = Evaluation(1.0, predictions, labels, 1.0, 6)
    scores = class_scores(found.confusion)
    expected = scores_of(labels, predictions, labels=range(6), zero_division=0)
    assert np.allclose(np.transpose(scores), expected)
    means = scores_of(labels, predictions, labels=range(4), average="macro", zero_division=0)
    assert np.allclose(macro(scores)[:3], means[:3])
    assert [line.split()[0] for line in table(found, list("abcdef"))[1:]] == ["a", "b", "c", "d", "mean"]


def test_the_worst_images_are_those_with_the_highest_losses_and_a_broken_loss_is_no_number_in_json() -> None:
    losses = np.array([0.1, np.nan, 3.0, np.inf, 0.2])
    found = Evaluation(float("nan"), np.zeros(5, int), np.zeros(5, int), 1.0, 1, losses)
    assert found.worst(4) == [1, 3, 2, 4]
    assert json.loads(as_json(found, ["a"], [], {}))["loss"] is None


# --- predict ---


def test_predict_goes_on_after_what_cannot_be_read_and_fails_at_the_end(
    zebra: Path, pets: Path, tmp_path: Path, capsys: Any
) -> None:
    good, bad, folder = pets / "val" / "cat" / "0.png", tmp_path / "bad.jpg", pets / "train"
    bad.write_text("no image")
    (tmp_path / "empty").mkdir()
    given = [good, bad, tmp_path / "none.jpg", tmp_path / "empty", tmp_path / "*.gif", folder]
    files = ["--csv", tmp_path / "new" / "p.csv", "--json", tmp_path / "p.JSON"]
    run("predict", "--weights", zebra, *given, *files, "--batch-size", 3, "--top", 2, status=1)
    shown, said = capsys.readouterr()
    found = [line for line in shown.splitlines() if not line.startswith(" ")]
    assert found == [str(good), *(str(path) for path in sorted(folder.rglob("*.png")))]
    assert shown.count("  100.0%  zebra\n    0.0%  cat\n") == 7
    for problem in ("cannot read the image " + str(bad), "no image at", "no images in", "no file matches"):
        assert problem in said
    assert said.splitlines()[-1] == "error: no answer for 4 of 11 images; the reasons are above"
    rows = list(csv.DictReader((tmp_path / "new" / "p.csv").open()))
    assert [(row["image"], row["rank"], row["class"]) for row in rows[:2]] == [
        (str(good), "1", "zebra"), (str(good), "2", "cat"),
    ]  # fmt: skip
    assert "cannot read" in rows[2]["error"]
    objects = json.loads((tmp_path / "p.JSON").read_text())
    assert [each["image"] for each in objects[:3]] == [str(good), str(bad), str(tmp_path / "none.jpg")]
    assert objects[0]["answers"][0] == {"class": "zebra", "probability": pytest.approx(0.9999, abs=1e-3)}
    assert "error" in objects[1]


def test_images_of_one_name_are_saved_under_different_ones(zebra: Path, tmp_path: Path, capsys: Any) -> None:
    images = [save_image(tmp_path / name) for name in ("a/cat.jpg", "b/cat.jpg", "b/cat.png", f"b/{'n' * 240}.png")]
    run("predict", "--weights", zebra, *images, "--save", tmp_path / "out")
    saved = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert saved[:3] == ["cat-2.prediction.png", "cat-3.prediction.png", "cat.prediction.png"]
    assert len(saved) == 4
    shown = capsys.readouterr().out
    assert all(str(tmp_path / "out" / name) in shown for name in saved)


def test_predict_refuses_wrong_options_before_it_begins(zebra: Path, pets: Path, tmp_path: Path, capsys: Any) -> None:
    image = pets / "val" / "cat" / "0.png"
    before = image.read_bytes()
    for arguments, message in (
        (["--top", 0], "--top must be at least 1, got 0"),
        (["--top", -1], "--top must be at least 1, got -1"),
        (["--batch-size", 0], "--batch-size must be at least 1"),
        (["--csv", image], "--csv writes a file whose name ends in .csv"),
        (["--image-size", 20], "image size 20 is too small"),
        (["--resize", 20], "resize 20 is below the image size 75"),
        (["--normalize", "none"], "--normalize invalid choice: 'none'"),
        (["--csv", ""], "--csv is empty; is a variable of the shell not set?"),
        ([""], "IMAGE: is empty; is a variable of the shell not set?"),
        (["--topp", 3], "there is no option --topp 3; did you mean --top?"),
    ):
        run("predict", "--weights", zebra, image, *arguments, status=2)
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1 + ("loaded" in said)
    run("predict", "--weights", tmp_path / "none", image, status=1)
    assert "no weights at" in capsys.readouterr().err
    assert image.read_bytes() == before
    run("predict", "--weights", zebra, image, "--top", 9)
    shown, said = capsys.readouterr()
    assert "the model has only 3 classes" in said
    assert shown.count("%") == 3


def test_folders_and_patterns_stand_for_the_images_in_them_in_order(pets: Path, tmp_path: Path) -> None:
    found, problems = find_images([str(pets / "val"), str(pets / "train" / "*" / "1.png"), str(tmp_path / "x.png")])
    expected = [*sorted((pets / "val").rglob("*.png")), *sorted((pets / "train").glob("*/1.png")), tmp_path / "x.png"]
    assert (found, problems) == (expected, [])
    save_image(tmp_path / "drawn" / "0.png")
    drawing = save_image(tmp_path / "drawn" / "0.prediction.png")
    assert find_images([str(drawing.parent)]) == ([drawing.with_name("0.png")], [])  # no answer to an earlier answer
    assert find_images([str(drawing)]) == ([drawing], [])
    odd = save_image(tmp_path / "[a].png")
    assert find_images([str(odd)]) == ([odd], [])  # a file is taken for itself, even if it looks like a pattern


def test_an_answer_that_is_not_a_number_is_an_error(zebra: Path, pets: Path, tmp_path: Path, capsys: Any) -> None:
    model = InceptionV3(3, False, init_weights=False)
    model.fc.bias.array[...] = np.nan
    save_weights(model, tmp_path / "w", Description(PETS, 75))
    run("predict", "--weights", tmp_path / "w", pets / "val" / "cat", status=1)
    assert "its weights are broken" in capsys.readouterr().err


def test_classes_of_one_name_are_told_apart_by_their_numbers(pets: Path, tmp_path: Path, capsys: Any) -> None:
    weights = always(2, tmp_path / "w", ("crane", "owl", "crane"))
    run("predict", "--weights", weights, pets / "val" / "cat" / "0.png")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  100.0%  crane (class 2)", "    0.0%  crane (class 0)", "    0.0%  owl",
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names of files are Unicode there")
def test_names_that_are_not_utf_8_are_kept(zebra: Path, tmp_path: Path) -> None:
    image = save_image(tmp_path / os.fsdecode(b"caf\xe9.png"))
    run("predict", "--weights", zebra, image, "--csv", tmp_path / "p.csv", "--json", tmp_path / "p.json")
    assert b"caf\xe9.png,1,zebra" in (tmp_path / "p.csv").read_bytes()
    assert json.loads((tmp_path / "p.json").read_text())[0]["image"] == str(image)


# --- A checkpoint is used as the weights of its run are ---


def test_a_checkpoint_predicts_evaluates_and_exports_as_the_weights_of_its_run(
    pets: Path, tmp_path: Path, capsys: Any
) -> None:
    recipe = Recipe(data="folder", root=str(pets), image_size=80, resize=90, normalize="imagenet", ema=0.5, width=WIDTH)
    training = Training.from_recipe(recipe, 3, 3, PETS)
    training.ema.module.fc.bias.array[...] = [0, 5, 0]  # the average says dog, the last step cat
    training.model.fc.bias.array[...] = [5, 0, 0]
    save_weights(training.validated_model, tmp_path / "weights.safetensors", training.description)
    training.save(tmp_path / "checkpoint.st")
    outputs = []
    for name in ("weights.safetensors", "checkpoint.st"):
        run("predict", "--weights", tmp_path / name, pets / "val" / "cat")
        run("evaluate", "--weights", tmp_path / name, "--root", pets, "--output", tmp_path / f"of {name}")
        run("export", "--weights", tmp_path / name, tmp_path / f"exported {name}.safetensors")
        outputs.append(capsys.readouterr().out.replace(name, "FILE"))
        assert results(tmp_path / f"of {name}")["classes"][1]["recall"] == 1
    assert outputs[0] == outputs[1]
    exported = [
        (tmp_path / f"exported {name}.safetensors").read_bytes() for name in ("weights.safetensors", "checkpoint.st")
    ]
    assert exported[0] == exported[1] == (tmp_path / "weights.safetensors").read_bytes()
    described = read_weights(tmp_path / "checkpoint.st").description
    assert described == Description(PETS, 80, 90, "imagenet", averaged=True)


def test_training_says_what_it_starts_from(zebra: Path, capsys: Any) -> None:
    build_model(Recipe(data="synthetic", weights=str(zebra), width=WIDTH), 5)
    assert capsys.readouterr().err == f"loaded 564 tensors of {zebra}; new: fc\n"
    build_model(Recipe(data="synthetic", weights=str(zebra), width=WIDTH, normalize="imagenet"), 5)
    assert "normalised otherwise: give --normalize half" in capsys.readouterr().err


# --- export ---


def test_an_onnx_file_says_what_its_numbers_mean(tmp_path: Path, capsys: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime reads what was exported")
    weights = always(1, tmp_path / "w", ("猫", "$5_$10"), resize=80, normalize="imagenet", averaged=True)
    run("export", "--weights", weights, tmp_path / "new" / "folder" / "m.ONNX")
    session = onnxruntime.InferenceSession(tmp_path / "new" / "folder" / "m.ONNX")
    found = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
    assert found == {
        "classes": ["猫", "$5_$10"], "image_size": 75, "resize": 80, "normalize": "imagenet", "averaged": True,
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    (scores,) = session.run(None, {"input": np.zeros((2, 3, 75, 75), np.float32)})
    assert scores.argmax(1).tolist() == [1, 1]


def test_export_refuses_names_that_it_cannot_write(zebra: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "x.onnx").mkdir()
    for name, message in (
        (tmp_path / "m.txt", "must end in .onnx or .safetensors"),
        (tmp_path / "x.onnx", "is a folder"),
        (zebra, "is the file that is read"),
    ):
        run("export", "--weights", zebra, name, status=2)
        assert message in capsys.readouterr().err


def test_a_wrong_value_for_evaluate_is_one_line_with_status_2(zebra: Path, pets: Path, capsys: Any) -> None:
    for arguments, message in (
        (["--val-split", 2], "--val-split must be above 0 and below 1, got 2.0"),
        (["--limit", 0], "--limit must be at least 1"),
        (["--workers", -1], "--workers must be at least 0"),
        (["--data", "mnist"], "--data mnist needs --root"),
    ):
        root = [] if "--data" in arguments else ["--root", pets]
        run("evaluate", "--weights", zebra, *root, *arguments, status=2)
        assert message in capsys.readouterr().err
    for arguments, message in (
        (["evaluate"], "the following arguments are required: --weights"),
        ([], "give a command: train, evaluate, predict, export, verify"),
    ):
        assert command.main(arguments) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1


def test_on_a_full_disk_the_commands_say_what_to_do(zebra: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "m.safetensors")

    monkeypatch.setattr("minigrad.checkpoint.writing", full)
    run("export", "--weights", zebra, tmp_path / "m.safetensors", status=1)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: m.safetensors: No space left on device. Make room on the disk, or write to another one, and run the "
        "command again"
    )
