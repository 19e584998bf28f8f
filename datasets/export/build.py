"""Rebuild the data files from their source packages and refresh registry.json, SHA256SUMS and README.md.

    python datasets/export/build.py            # needs Rscript with the R packages named in export_r.R, and statsmodels

registry.json is edited by hand, except for ``sha256``, ``rows`` and ``source.version``, which this script writes.
README.md and SHA256SUMS are written from it. If neither the sources nor zlib changed, a rebuild leaves every file as
it was.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent

README_HEAD = """\
# Data sets

Small and middle-sized tables for the examples, tests and the `demo` command of classicmoe. They are read by
`classicmoe.datasets.load_dataset(name)`, installed or in a checkout. All were exported from the packages named below by
`export/build.py` (R packages by `export/export_r.R`), rows in the package's order, no value rounded or changed.

- `registry.json`: for every file its checksum, rows, target, features, columns, source and licence; the loaders read
  it.
- `SHA256SUMS`: the checksums once more, for `sha256sum -c SHA256SUMS`.
- `licenses/`: the licences of the source packages. The data files keep the licence of their source; the BSD licence of
  classicmoe covers its code.

In the tables, kind `ordered` is a category with ordered levels (listed in that order).
This file is written by `export/build.py` from `registry.json`.
"""


def as_text(value):
    """Shortest decimal text that gives the number back exactly; whole numbers without a decimal point."""
    value = float(value)
    return str(int(value)) if value.is_integer() else repr(value)


def export_from_r(folder):
    """Run export_r.R; return {name: (csv bytes, package version)}."""
    command = ["Rscript", str(HERE / "export_r.R"), str(folder)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in lines:
        name, _, version = line.split("\t")
        found[name] = ((Path(folder) / f"{name}.csv").read_bytes(), version)
    return found


def export_from_statsmodels():
    """Return {name: (csv bytes, package version)} of the tables that come from statsmodels."""
    import statsmodels
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([as_text(value) for value in row] for row in frame.itertuples(index=False))
    return {"randhie": (buffer.getvalue().encode(), statsmodels.__version__)}


def shown_kind(column):
    """Kind of a column for the README, with its levels if it has some."""
    return f"{column['kind']}: {', '.join(column['levels'])}" if "levels" in column else column["kind"]


def readme_section(name, entry):
    """One section of README.md."""
    lines = [f"## {name}", "", f"**{entry['title']}.** {entry['description']}", ""]
    licence = f"{entry['licence']} ([text]({entry['licence_file']}))" if entry["licence_file"] else entry["licence"]
    lines += [
        f"- file `{entry['file']}`, {entry['rows']:,} rows, sha256 `{entry['sha256']}`",
        f"- source: {entry['source']['package']} {entry['source']['version']}; licence: {licence}",
        f"- target `{entry['target']}`; features {', '.join(f'`{feature}`' for feature in entry['features'])}",
    ]
    lines += [f"- {reference}" for reference in entry["references"]]
    lines += ["", "| column | kind | unit | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| {c['name']} | {shown_kind(c)} | {c['unit']} | {c['description']} |" for c in entry["columns"]]
    return "\n".join(lines) + "\n"


def refresh(registry, tables):
    """Write the data files and put checksum, rows and version into the registry."""
    for name, entry in registry["datasets"].items():
        text, version = tables[name]
        # A fixed time stamp makes the compressed bytes depend on the content only.
        payload = gzip.compress(text, compresslevel=9, mtime=0) if entry["file"].endswith(".gz") else text
        (FOLDER / entry["file"]).write_bytes(payload)
        entry["sha256"] = hashlib.sha256(payload).hexdigest()
        entry["rows"] = text.count(b"\n") - 1
        entry["source"]["version"] = version


def main():
    """Rebuild everything in the folder above this script."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    registry_path = FOLDER / "registry.json"
    registry = json.loads(registry_path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        tables = export_from_r(folder) | export_from_statsmodels()
    refresh(registry, tables)
    registry_path.write_text(json.dumps(registry, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sums = [f"{entry['sha256']}  {entry['file']}\n" for entry in registry["datasets"].values()]
    (FOLDER / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    sections = [readme_section(name, entry) for name, entry in registry["datasets"].items()]
    (FOLDER / "README.md").write_text("\n".join([README_HEAD, *sections]), encoding="utf-8")


if __name__ == "__main__":
    main()
