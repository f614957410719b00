"""Bills of materials in CycloneDX 1.6, one per pinned requirements file, reproducible and validated.

python -m bench.sbom build/sbom
"""

import json
import subprocess
import sys
from pathlib import Path

from flops_auditor import __version__

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("layer", "dev")
"""What the Lambda layer ships, and what the command line and the tests are run with."""


def make(name: str, folder: Path) -> Path:
    """One bill of materials. Raises CalledProcessError when cyclonedx-py refuses it."""
    target = folder / f"{name}.cdx.json"
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--validate"),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--sv", "1.6", "--of", "JSON", "-o", str(target)),
        str(ROOT / "requirements" / f"{name}.txt"),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    bill = json.loads(target.read_text())
    bill["metadata"]["component"]["version"] = __version__  # cyclonedx-py reads none that hatchling finds
    target.write_text(json.dumps(bill, indent=2) + "\n")
    return target


def main() -> None:
    """Write them, and say how much is in each."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/sbom")
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        components = json.loads(make(name, folder).read_text())["components"]
        hashed = sum(bool(each.get("externalReferences") or each.get("hashes")) for each in components)
        print(f"{folder / name}.cdx.json: {len(components)} components, {hashed} with hashes")


if __name__ == "__main__":
    main()
