"""results.py - what the experiments' scripts do with texts and numbers.

    results.py texts LESSONS.jsonl... [--plain] [--bytes N]   lessons and pieces of code as {"text": ...}, shuffled the same
                                                           way each time; --plain: as a text with <|endoftext|> between
    results.py problems ITEMS.jsonl                           HumanEval's or MBPP's problems with their solutions, as a text
    results.py cut FILE.jsonl FIGURES.json TOKENS             the first lines that have so many tokens
    results.py outcome RUN ARM SEED DATA --command TEXT       RUN/outcome.jsonl of a training's log and scores
    results.py bytes FIGURES.json TOKENS                      how many bytes of text so many tokens have
    results.py keys FOLDER NAME=TITLE...                      as collect, of the scores of recipes/experiments/self-extend
    results.py collect FOLDER EXPERIMENT ARM=NAME...          FOLDER/EXPERIMENT/results.jsonl and table.md, from the arms
    results.py bars RESULTS.jsonl METRIC                      lines for `primer plot --bars`

A line of results: arm, name, seed, metric, value, low, high, command, steps, tokens, seconds. An interval of a line is
Wilson's over the items (95 %, pass@1 alone); an interval of an arm is Student's over the seeds (95 %, mean +- t s / sqrt n).
"""
import argparse
import json
import math
import os
import random
import statistics
import sys

# Two-sided 95 % of Student's distribution, by degrees of freedom.
STUDENT = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
ORDER = ["pass@1/keys", "bits/solutions", "bits/humaneval", "bits/mbpp", "bits/library", "bits/tests", "pass@1/exercises", "pass@1/humaneval"]
TITLES = {"bits/solutions": "solutions, bits a byte", "bits/humaneval": "HumanEval, bits a byte",
          "bits/mbpp": "MBPP, bits a byte", "bits/library": "library code, bits a byte",
          "bits/tests": "held-out exercises, bits a byte",
          "pass@1/keys": "keys found, in %", "pass@1/exercises": "exercises, pass@1 in %", "pass@1/humaneval": "HumanEval, pass@1 in %"}
OVERTAKES = "step/overtakes"  # the first evaluation at or below the end of the arm to compare with
TITLES[OVERTAKES] = "at the end of scratch by step"
END = "<|endoftext|>"


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def text_of(lesson):
    if "messages" in lesson:
        return "\n\n".join(message["content"].strip("\n") for message in lesson["messages"]) + "\n"
    if "prompt" in lesson:
        return lesson["prompt"] + lesson["completion"]
    return lesson["text"]


def texts(arguments):
    found = [text_of(lesson) for path in arguments.files for lesson in lines(path)]
    random.Random(1).shuffle(found)
    written = 0
    for text in found:
        if arguments.bytes and written >= arguments.bytes:
            break
        written += len(text.encode())
        print(text + END if arguments.plain else json.dumps({"text": text}, ensure_ascii=False))


def problems(arguments):
    for item in lines(arguments.file):
        if "canonical_solution" in item:
            text = item["prompt"] + item["canonical_solution"]
        else:
            text = f'"""{item["text"]}"""\n' + item["code"].replace("\r\n", "\n").replace("\t", "    ") + "\n"
        print(text.rstrip("\n") + "\n" + END)


def cut(arguments):
    figures = json.load(open(arguments.figures, encoding="utf-8"))
    tokens = 0.0
    for line in open(arguments.file, encoding="utf-8"):
        if tokens >= arguments.tokens:
            break
        size = len(json.loads(line)["text"].encode())
        tokens += size * figures["tokens"] / max(1, figures["text_bytes"])
        sys.stdout.write(line)


def size(arguments):
    figures = json.load(open(arguments.figures, encoding="utf-8"))
    print(int(arguments.tokens * figures["text_bytes"] / figures["tokens"]))


# ---- one arm, one seed --------------------------------------------------------------------------------

def last_run(path):
    """The log's last evaluation and end; a run that went on has written several ends."""
    found, seconds = {}, 0.0
    for line in lines(path):
        if line["event"] == "end":
            seconds += line["seconds"]
        found[line["event"]] = line
    return found, seconds


def outcome(arguments):
    log, seconds = last_run(os.path.join(arguments.run, "log.jsonl"))
    shared = {"arm": arguments.arm, "seed": int(arguments.seed), "command": arguments.command,
              "parameters": log["start"]["parameters"], "steps": log["end"]["step"], "tokens": log["end"]["tokens"],
              "seconds": round(seconds, 1)}
    found = []

    def add(metric, value, low=None, high=None):
        found.append({**shared, "metric": metric, "value": value, "low": low, "high": high})

    if "evaluate" in log:
        add("bits/solutions", log["evaluate"]["bits_per_byte"])
    for text in ("humaneval", "mbpp", "library", "tests"):
        path = os.path.join(arguments.run, f"bits-{text}.json")
        if os.path.exists(path):
            score = json.load(open(path, encoding="utf-8"))
            size = os.path.getsize(os.path.join(arguments.data, f"{text}.txt"))
            add(f"bits/{text}", score["nll"] / math.log(2) * score["tokens"] / size)
    for tests in ("exercises", "humaneval"):
        path = os.path.join(arguments.run, f"{tests}.json")
        if os.path.exists(path):
            score = json.load(open(path, encoding="utf-8"))["files"][0]
            add(f"pass@1/{tests}", 100 * score["pass_at"]["1"], 100 * score["low"], 100 * score["high"])
    write(os.path.join(arguments.run, "outcome.jsonl"), found)


def write(path, found):
    with open(path + ".part", "w", encoding="utf-8") as file:
        for line in found:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    os.replace(path + ".part", path)


# ---- many -----------------------------------------------------------------------------------------------

def interval(values, percent):
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None, None
    half = STUDENT[min(len(values) - 1, len(STUDENT) - 1)] * statistics.stdev(values) / math.sqrt(len(values))
    if percent:
        return mean, max(0.0, mean - half), min(100.0, mean + half)
    return mean, mean - half, mean + half


def of_arms(found, metric):
    """{name: values of the seeds}, in the order of the arms"""
    arms = {}
    for line in found:
        if line["metric"] == metric:
            arms.setdefault(line["name"], []).append(line["value"])
    return arms


def cell(values, metric):
    mean, low, high = interval(values, metric.startswith("pass"))
    digits = 1 if metric.startswith("pass") else 3
    return f"{mean:.{digits}f}" + (f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None else "")


def runs_of(folder, arm):
    begin = arm + "-"
    for name in sorted(os.listdir(os.path.join(folder, "arms"))):
        path = os.path.join(folder, "arms", name, "outcome.jsonl")
        if name.startswith(begin) and name[len(begin):].isdigit() and os.path.exists(path):
            yield os.path.join(folder, "arms", name), lines(path)


def evaluations(run):
    steps = {}
    for line in lines(os.path.join(run, "log.jsonl")):
        if line["event"] == "evaluate":
            steps[line["step"]] = line["bits_per_byte"]
    return sorted(steps.items())


def overtaking(folder, arm, other):
    """Of each seed the step of the first evaluation that isn't above the other arm's last; None: there is none."""
    ends = {os.path.basename(run).rsplit("-", 1)[1]: evaluations(run)[-1][1] for run, _ in runs_of(folder, other)}
    found = []
    for run, outcome in runs_of(folder, arm):
        seed, end = outcome[0]["seed"], ends.get(os.path.basename(run).rsplit("-", 1)[1])
        if end is not None:
            found.append((seed, next((step for step, bits in evaluations(run) if bits <= end), None)))
    return found


def collect(arguments):
    arms = [arm.split("=", 1) for arm in arguments.arms]
    found = [{**line, "name": name} for arm, name in arms for _, outcome in runs_of(arguments.folder, arm)
             for line in outcome]
    if arguments.against:
        for arm, name in arms:
            for seed, step in overtaking(arguments.folder, arm, arguments.against):
                line = next(line for line in found if line["arm"] == arm and line["seed"] == seed)
                found.append({**line, "metric": OVERTAKES, "value": step, "low": None, "high": None})
    place = os.path.join(arguments.folder, arguments.experiment)
    write(os.path.join(place, "results.jsonl"), found)
    conclude(place, found)


def keys(arguments):
    arms = [arm.split("=", 1) for arm in arguments.arms]
    found = []
    for run in sorted(os.listdir(arguments.folder)):
        if not run.startswith("model-"):
            continue
        log, seconds = last_run(os.path.join(arguments.folder, run, "log.jsonl"))
        for arm, name in arms:
            score = json.load(open(os.path.join(arguments.folder, run, arm + ".json"), encoding="utf-8"))["files"][0]
            found.append({"arm": arm, "name": name, "seed": int(run.split("-")[1]), "metric": "pass@1/keys",
                          "value": 100 * score["pass_at"]["1"], "low": 100 * score["low"], "high": 100 * score["high"],
                          "command": "recipes/experiments/self-extend/run",
                          "parameters": log["start"]["parameters"], "steps": log["end"]["step"],
                          "tokens": log["end"]["tokens"], "seconds": round(seconds, 1)})
    found.sort(key=lambda line: [arm for arm, _ in arms].index(line["arm"]))
    write(os.path.join(arguments.folder, "results.jsonl"), found)
    conclude(arguments.folder, found)


def conclude(place, found):
    """table.md, and the same for who waits"""
    with open(os.path.join(place, "table.md"), "w", encoding="utf-8") as file:
        file.write(table_of(found))
    print(table_of(found), end="")


def cells(metric, values):
    if metric != OVERTAKES:
        return cell(values, metric) if values else ""
    return ", ".join("never" if value is None else str(value) for value in values)


def table_of(found):
    """Lines of results.jsonl as a table in Markdown"""
    metrics = [metric for metric in ORDER if of_arms(found, metric)]
    metrics += sorted({line["metric"] for line in found} - set(metrics))
    rows = [["", "parameters", "tokens", "s a run"] + [TITLES.get(metric, metric) for metric in metrics]]
    for name in dict.fromkeys(line["name"] for line in found):
        mine = [line for line in found if line["name"] == name]
        seconds = statistics.fmean(line["seconds"] for line in mine)
        row = [name, f"{mine[0]['parameters'] / 1e6:.1f} M", f"{mine[0]['tokens'] / 1e6:.2f} M", f"{seconds:.0f}"]
        rows.append(row + [cells(metric, of_arms(mine, metric).get(name)) for metric in metrics])
    seeds = sorted({line["seed"] for line in found})
    return table(rows) + f"\nMeans over {len(seeds)} seed{'s' * (len(seeds) != 1)}, 95 % intervals over the seeds.\n"


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    written = ["| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |" for row in rows]
    written.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(written) + "\n"


def bars(arguments):
    """Nothing where no arm has the measure, or all have none of it"""
    arms = of_arms(lines(arguments.file), arguments.metric)
    if not any(value for values in arms.values() for value in values):
        sys.exit(1)
    seeds = max(len(values) for values in arms.values())
    note = f"mean of {seeds} seeds; whiskers: 95 %, by Student's t over the seeds" if seeds > 1 else "one seed"
    better = " (less is better)" if arguments.metric.startswith("bits") else ""
    print(json.dumps({"axis": TITLES.get(arguments.metric, arguments.metric) + better, "note": note}))
    for name, values in arms.items():
        mean, low, high = interval(values, arguments.metric.startswith("pass"))
        print(json.dumps({"name": name, "value": mean, "low": low, "high": high}, ensure_ascii=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name, function, *positional):
        added = verbs.add_parser(name)
        for argument in positional:
            added.add_argument(argument.rstrip("+"), nargs="+" if argument.endswith("+") else None)
        added.set_defaults(function=function)
        return added

    added = verb("texts", texts, "files+")
    added.add_argument("--plain", action="store_true")
    added.add_argument("--bytes", type=int)
    verb("problems", problems, "file")
    verb("cut", cut, "file", "figures", "tokens")
    verb("bytes", size, "figures", "tokens")
    verb("keys", keys, "folder", "arms+")
    verb("outcome", outcome, "run", "arm", "seed", "data").add_argument("--command", required=True)
    verb("collect", collect, "folder", "experiment", "arms+").add_argument("--against")
    verb("bars", bars, "file", "metric")
    arguments = parser.parse_args()
    if hasattr(arguments, "tokens"):
        arguments.tokens = float(arguments.tokens)
    arguments.function(arguments)


if __name__ == "__main__":
    main()
