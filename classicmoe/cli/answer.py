"""The answer of a report in words: what was found, how far it can be trusted, how it was chosen."""

from __future__ import annotations

from typing import Any

from classicmoe.cli.study import Study
from classicmoe.cli.words import SAYS, and_list, decider, for_command_line, title
from classicmoe.messages import count_text


def verdict(study: Study) -> dict[str, Any]:
    """Return the answer in words: badge, sentences, whether it can be trusted."""
    given = study.model.verdict_
    badge, advice = SAYS[given.level]
    return {
        "trustworthy": given.trustworthy,
        "badge": badge,
        "answer": _answer(study),
        "advice": advice,
        "evidence": _evidence(study),
        "choice": _choice(study),
    }


def _answer(study: Study) -> str:
    if study.criterion is None or len(study.results) == 1:
        return f"{_experts(study.k)} fitted to {study.task.response}."
    if not study.model.verdict_.trustworthy:
        return f"{_experts(study.k)} fit {study.task.response} best, but do not rely on it yet."
    if study.k == 1:
        one = "line" if study.settings["family"] == "gaussian" else "expert"
        return f"One {one} describes {study.task.response} best: there is no sign of separate regimes."
    return f"{_experts(study.k)} describe {study.task.response} best."


def _experts(k: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return f"{words[k] if k < len(words) else k} expert{'' if k == 1 else 's'}"


def _evidence(study: Study) -> str:
    given = study.model.verdict_
    if study.k == 1 or given.begun == 0:
        return f"{given.sentence[0].upper()}{given.sentence[1:]}."
    found = f"{given.reached} of {given.finished} finished starts of the search arrived at this solution"
    if given.trustworthy:
        found += ": it does not hang on where the search began"
    more = for_command_line(given.sentence).partition("; ")[2] if given.level != "NOT REPLICATED" else ""
    return f"{found}.{f' {more[0].upper()}{more[1:]}.' if more else ''}"


def _choice(study: Study) -> list[str]:
    """Say how the number of experts was chosen, and what speaks for another one."""
    if study.criterion is None or len(study.results) == 1:
        return []
    tried = sorted(int(k) for k in study.results["n_experts"])
    span = f"{tried[0]} to {tried[-1]}" if tried == list(range(tried[0], tried[-1] + 1)) else ", ".join(map(str, tried))
    who = decider(study.criterion, begin=True)
    says = [f"{who} decided among {span} experts; it weighs how well a model fits against its size."]
    others: dict[int, list[str]] = {}
    for name, k in study.chosen().items():
        if k != study.k:
            others.setdefault(k, []).append(title(name))
    agree = [title(name) for name, k in study.chosen().items() if k == study.k and name != study.criterion]
    if agree:
        says.append(f"{and_list(agree)} {'agrees' if len(agree) == 1 else 'agree'}.")
    for k, names in sorted(others.items()):
        says.append(f"{and_list(names)} would take {k}.")
    safe = study.runner_up()
    if safe is not None:
        says.append(f"The best trustworthy model has {count_text(int(safe['n_experts']), 'expert')}.")
    if study.at_the_edge():
        says.append(f"{study.k} is the largest number tried: more experts may be better still.")
    return says
