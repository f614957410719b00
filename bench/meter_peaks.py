"""Write the meter's table of peaks from the auditor's: dense BF16 TFLOP/s by name (FP16 or FP32 without BF16).

python -m bench.meter_peaks
"""

import csv
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "layers" / "auditor" / "flops_auditor" / "data" / "accelerators.csv"
TARGET = ROOT / "meter" / "flops_meter" / "peaks.json"


def peaks() -> dict[str, float]:
    """Names without the memory's size: what a driver's name contains. The lowest where two sizes differ."""
    by_name: dict[str, float] = {}
    with SOURCE.open(newline="") as rows:
        for row in csv.DictReader(rows):
            tflops = row["bf16_tflops"] or row["fp16_tflops"] or row["fp32_tflops"]
            if tflops:
                name = re.sub(r"-\d+GB$", "", row["accelerator"])
                by_name[name] = min(by_name.get(name, float("inf")), float(tflops))
    return by_name


def document() -> str:
    """The file's text."""
    about = "Dense TFLOP/s of one unit. Made from the auditor's accelerators.csv, which names the sources"
    return json.dumps({"about": about, "dense_tflops": peaks()}, indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(document())
    print(f"{TARGET}: {len(peaks())} accelerators")
